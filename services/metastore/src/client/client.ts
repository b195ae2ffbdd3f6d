import { type Dataset, dataset } from '@millrace/core/domain/dataset.ts';
import { type ClusterAcceptance, clusterAcceptance, type GapAcceptance, gapAcceptance } from '@millrace/core/domain/losses.ts';
import { landingReport, type SchemaVersionRecord, schemaVersionRecord, tableReport } from '@millrace/core/domain/reports.ts';
import type { Metastore } from '@millrace/core/ports/metastore.ts';
import { z } from 'zod';
import {
  type AuditRow,
  auditRow,
  type ClusterInput,
  type ClusterList,
  clusterList,
  type GapInput,
  type GapList,
  gapList,
} from '../api/losses.ts';
import { type Reconciliation, reconciliation } from '../api/reconciliation.ts';
import { type DatasetStatus, datasetStatus } from '../api/status.ts';
import { type Call, readAnswer, send } from './request.ts';

export type { AuditRow, ClusterList, GapList } from '../api/losses.ts';
export type { Reconciliation } from '../api/reconciliation.ts';
export type { DatasetStatus } from '../api/status.ts';

/** Datasets asked for at a time. */
const pageSize = 500;
/** Pages followed at most: a metastore that never ends its list is refused. */
const pagesMax = 1_000;

/** Everything a person's tool may ask, besides what workers do. Rejections as in `Metastore`, and `not_found` (kind `invalid`) for unknown names. */
export interface MetastoreClient extends Metastore {
  readonly url: string;
  /** Registers a dataset. Safe to repeat inside: the same request never makes two. @throws kind `conflict` when the name is taken, `invalid` for bad input */
  createDataset(input: { name: string; kafkaTopic: string } & Record<string, unknown>): Promise<Dataset>;
  dataset(name: string): Promise<Dataset>;
  /** Work stops; raw and table stay. @param seen only while the dataset is at that version (If-Match), else kind `conflict` */
  deleteDataset(name: string, seen?: Dataset): Promise<void>;
  /** @param seen as for `deleteDataset` */
  pause(name: string, seen?: Dataset): Promise<Dataset>;
  /** Evaluates again; with `breaking: 'quarantine'` it also decides the present schema block (R7). @param seen as for `deleteDataset` @throws kind `conflict` when nothing is blocked by a schema */
  resume(name: string, decision?: { breaking: 'quarantine' }, seen?: Dataset): Promise<Dataset>;
  status(name: string): Promise<DatasetStatus>;
  reconciliation(name: string): Promise<Reconciliation>;
  /** Losses that wait for a decision, and those accepted. */
  gaps(name: string): Promise<GapList>;
  /** Accepts exactly what is suspected. Safe to repeat inside. @throws kind `conflict` for any other range, naming the right one */
  acceptGap(name: string, input: GapInput): Promise<GapAcceptance>;
  clusters(name: string): Promise<ClusterList>;
  /** @throws kind `conflict` for a cluster that is not the one found, naming the right one */
  acceptCluster(name: string, input: ClusterInput): Promise<ClusterAcceptance>;
  /** One page of the audit, rising from after `after`. */
  audit(query: { dataset?: string | undefined; after?: string; limit?: number }): Promise<AuditRow[]>;
  schemaVersions(name: string): Promise<SchemaVersionRecord[]>;
  schemaVersion(name: string, version: number): Promise<SchemaVersionRecord>;
}

/** The tag of a dataset as it was read. Pure. */
const ifMatch = (seen: Dataset | undefined): Record<string, string> =>
  seen === undefined ? {} : { 'if-match': `"${seen.id}.${seen.version}.${seen.state}"` };

/**
 * The metastore over HTTP. Every call ends within 5 s; calls that may be repeated are, a bounded number of times.
 * @param url MILLRACE_METASTORE_URL
 */
export function createMetastoreClient(url: string): MetastoreClient {
  const baseUrl = url.replace(/\/+$/, '');
  const at = (name: string) => `/v1/datasets/${encodeURIComponent(name)}`;

  async function ask<S extends z.ZodType>(schema: S, what: string, call: Omit<Call, 'idempotent'>): Promise<z.output<S>> {
    return readAnswer(schema, (await send(baseUrl, { ...call, idempotent: true })).json, what);
  }
  async function tell(path: string, body: unknown): Promise<void> {
    await send(baseUrl, { method: 'PUT', path, body, idempotent: true });
  }

  /** Sent once when it holds for one version only: the first of two would raise it. */
  async function intent(path: string, body: unknown, seen: Dataset | undefined): Promise<Dataset> {
    const call = {
      method: 'PUT' as const,
      path,
      headers: ifMatch(seen),
      idempotent: seen === undefined,
      ...(body === undefined ? {} : { body }),
    };
    return readAnswer(dataset, (await send(baseUrl, call)).json, 'dataset');
  }

  const decision = (path: string, body: unknown): Omit<Call, 'idempotent'> => ({
    method: 'POST',
    path,
    body,
    headers: { 'idempotency-key': crypto.randomUUID() },
  });

  return {
    url: baseUrl,
    async datasets(signal) {
      const all: Dataset[] = [];
      for (let page = 0, after = ''; page < pagesMax; page++) {
        const list = await ask(z.array(dataset), 'list of datasets', {
          method: 'GET',
          path: `/v1/datasets?limit=${pageSize}&after=${encodeURIComponent(after)}`,
          signal,
        });
        all.push(...list);
        const last = list.at(-1);
        if (last === undefined || list.length < pageSize) break;
        after = last.name;
      }
      return all;
    },
    reportLanding: (report) => tell('/v1/reports/landing', landingReport.encode(report)),
    reportTable: (report) => tell('/v1/reports/table', tableReport.encode(report)),
    putSchemaVersion: ({ id, name }, record) =>
      tell(`${at(name)}/schemas/${record.version}?datasetId=${encodeURIComponent(id)}`, schemaVersionRecord.encode(record)),

    createDataset: (input) =>
      ask(dataset, 'dataset', { method: 'POST', path: '/v1/datasets', body: input, headers: { 'idempotency-key': crypto.randomUUID() } }),
    dataset: (name) => ask(dataset, 'dataset', { method: 'GET', path: at(name) }),
    async deleteDataset(name, seen) {
      // Repeating could report a later dataset of the same name as ours, so it is sent once.
      await send(baseUrl, { method: 'DELETE', path: at(name), headers: ifMatch(seen), idempotent: false });
    },
    pause: (name, seen) => intent(`${at(name)}/pause`, undefined, seen),
    resume: (name, decision, seen) => intent(`${at(name)}/resume`, decision, seen),
    status: (name) => ask(datasetStatus, 'status', { method: 'GET', path: `${at(name)}/status` }),
    reconciliation: (name) => ask(reconciliation, 'reconciliation', { method: 'GET', path: `${at(name)}/reconciliation` }),
    gaps: (name) => ask(gapList, 'list of gaps', { method: 'GET', path: `${at(name)}/gaps` }),
    acceptGap: (name, input) => ask(gapAcceptance, 'decision', decision(`${at(name)}/gaps`, input)),
    clusters: (name) => ask(clusterList, 'list of clusters', { method: 'GET', path: `${at(name)}/clusters` }),
    acceptCluster: (name, input) => ask(clusterAcceptance, 'decision', decision(`${at(name)}/clusters`, input)),
    audit: ({ dataset: of, after = '0', limit = pageSize }) =>
      ask(z.array(auditRow), 'audit', {
        method: 'GET',
        path: `/v1/audit?limit=${limit}&after=${after}${of === undefined ? '' : `&dataset=${encodeURIComponent(of)}`}`,
      }),
    schemaVersions: (name) => ask(z.array(schemaVersionRecord), 'list of schema versions', { method: 'GET', path: `${at(name)}/schemas` }),
    schemaVersion: (name, version) => ask(schemaVersionRecord, 'schema version', { method: 'GET', path: `${at(name)}/schemas/${version}` }),
  };
}
