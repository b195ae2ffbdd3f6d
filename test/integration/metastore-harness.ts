import type { Dataset } from '@millrace/core/domain/dataset.ts';
import type { LandingReport, TableReport } from '@millrace/core/domain/reports.ts';
import { createMetastoreClient, type MetastoreClient } from '@millrace/metastore/client/client.ts';
import { Client } from 'pg';
import { eventually, type MetastoreProcess, startMetastore } from '../support/metastore.ts';
import { freshDatabase, uniqueName } from '../support/stack.ts';

/** An answer of the API, its JSON read. */
export type Reply = { status: number; headers: Headers; json: Record<string, unknown> & { errors?: { pointer: string }[] } };

/** A metastore of its own on a fresh database, with both ways to it: the client and plain requests. */
export type MetastoreUnderTest = {
  service: MetastoreProcess;
  client: MetastoreClient;
  database: Client;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>;
  stop(): Promise<void>;
};

/** Starts one and waits until it is ready; the caller stops it. */
export async function metastoreUnderTest(): Promise<MetastoreUnderTest> {
  const databaseUrl = await freshDatabase();
  const service = await startMetastore({ DATABASE_URL: databaseUrl });
  const database = new Client({ connectionString: databaseUrl });
  const stop = async () => {
    await database.end();
    await service.kill();
  };
  try {
    await eventually('ready', async () => (await fetch(`${service.url}/readyz`)).status === 200);
    await database.connect();
  } catch (error) {
    await stop();
    throw error;
  }
  const call: MetastoreUnderTest['call'] = async (method, path, body, headers = {}) => {
    const text = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
    const response = await fetch(service.url + path, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(text === undefined ? {} : { body: text }),
    });
    const answer = await response.text();
    return { status: response.status, headers: response.headers, json: answer === '' ? {} : JSON.parse(answer) };
  };
  return { service, client: createMetastoreClient(service.url), database, call, stop };
}

/** A dataset to create, its name its own. */
export const orders = (changes: object = {}) => ({
  name: uniqueName('orders'),
  kafkaTopic: 'orders',
  mode: 'append',
  pkFields: ['id'],
  partitionKeys: ['date'],
  ...changes,
});

export const topicId = 'tttttttttttttttttttttt';
/** What phase 1 tells of a topic with one partition: 100 landed, 120 in Kafka. */
export const landing = (topic: string, changes: Partial<LandingReport> = {}): LandingReport => ({
  topic,
  worker: 'phase1-test',
  topicId,
  notices: [],
  partitions: [{ topicId, partition: 0, landed: 100n, end: 120n, epoch: 1n, chainStart: 0n, state: 'RUNNING', reason: null }],
  ...changes,
});
/** What phase 2 tells of that dataset: committed up to 80. */
export const table = (dataset: Dataset, changes: Partial<TableReport> = {}): TableReport => ({
  datasetId: dataset.id,
  worker: 'phase2-test',
  state: 'RUNNING',
  reason: null,
  nextAction: null,
  block: null,
  tableVersion: 3n,
  schemaVersion: 1,
  lastCommit: { version: 3n, at: new Date().toISOString(), records: 80n, attemptId: 'a' },
  committedTimestamp: Date.now() - 1_000,
  partitions: [
    {
      topic: dataset.kafkaTopic,
      topicId,
      partition: 0,
      startOffset: 0n,
      position: 80n,
      seq: 2n,
      committed: 78n,
      quarantined: { not_json: 1n },
      dropped: { tombstone: 1n },
      gaps: {},
      landed: 100n,
    },
  ],
  ...changes,
});
