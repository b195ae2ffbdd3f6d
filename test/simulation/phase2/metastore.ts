import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { isKind, MillraceError } from '@millrace/core/domain/errors.ts';
import type { SchemaVersionRecord, TableReport } from '@millrace/core/domain/reports.ts';
import type { Metastore } from '@millrace/core/ports/metastore.ts';
import { resumeIntent } from '@millrace/metastore/view/decide.ts';
import type { LandedPartition } from '@millrace/metastore/view/facts.ts';
import type { Io } from '../engine/io.ts';
import type { SimProcess } from '../engine/process.ts';
import type { SimTopic } from './chains.ts';

/** The metastore as phase 2 sees it, and people before it. Decisions are made by its real rules. */
export class ModelMetastore {
  readonly datasets = new Map<string, Dataset>();
  readonly reports = new Map<string, { report: TableReport; reportedAt: number }>();
  readonly schemaVersions = new Map<string, SchemaVersionRecord>();
  away = false;
  readonly #io: Io;
  readonly #now: () => number;
  #made = 0;

  constructor(io: Io, now: () => number) {
    this.#io = io;
    this.#now = now;
  }

  register(input: Pick<Dataset, 'name' | 'kafkaTopic' | 'startFrom'>): Dataset {
    const dataset: Dataset = {
      mode: 'append',
      format: 'delta',
      pkFields: [],
      partitionKeys: [],
      transforms: [],
      transformJars: [],
      id: `00000000-0000-4000-8000-${String(this.#made++).padStart(12, '0')}`,
      createdAt: new Date(this.#now()).toISOString(),
      version: 1,
      state: 'RUNNING',
      paused: false,
      resumeCount: 0,
      decisions: [],
      ...input,
    };
    this.datasets.set(dataset.name, dataset);
    return dataset;
  }

  change(name: string, change: Partial<Dataset>): void {
    const dataset = this.datasets.get(name);
    if (dataset !== undefined) this.datasets.set(name, { ...dataset, ...change, version: dataset.version + 1 });
  }

  remove(name: string): void {
    this.datasets.delete(name);
  }

  reportOf(name: string): TableReport | undefined {
    const dataset = this.datasets.get(name);
    return dataset === undefined ? undefined : this.reports.get(dataset.id)?.report;
  }

  /** A person resumes; a schema block is answered by quarantine. */
  resume(name: string, topic: SimTopic): void {
    const dataset = this.datasets.get(name);
    if (dataset === undefined) return;
    const now = this.#now();
    const table = this.reports.get(dataset.id);
    const partitions = topic.chains.map(
      ({ topicId, partition, endOffset, startOffset }): LandedPartition => ({
        topicId,
        partition,
        landed: endOffset,
        end: endOffset,
        epoch: 1n,
        chainStart: startOffset,
        state: 'RUNNING',
        reason: null,
        reportedAt: now,
      }),
    );
    const facts = { dataset, table, landing: { topicId: null, notices: [], reportedAt: now, partitions } };
    try {
      this.change(
        name,
        resumeIntent(facts, table?.report.block == null ? undefined : 'quarantine', { id: `d${dataset.decisions.length}`, now }),
      );
    } catch (error) {
      if (!isKind(error, 'conflict')) throw error;
    }
  }

  view(process: SimProcess): Metastore {
    const request = <T>(operation: string, write: boolean, answer: () => T, signal?: AbortSignal) =>
      this.#io.request(process, {
        operation,
        key: 'metastore',
        write,
        signal,
        apply: () => {
          if (this.away) throw new MillraceError('unavailable', 'simulated', 'the metastore is away');
          return answer();
        },
      });
    return {
      datasets: (signal) => request('datasets', false, () => [...this.datasets.values()], signal),
      reportLanding: async () => {},
      reportTable: (report) =>
        request('reportTable', true, () => void this.reports.set(report.datasetId, { report, reportedAt: this.#now() })),
      putSchemaVersion: ({ id, name }, record) =>
        request('putSchemaVersion', true, () => {
          if (this.datasets.get(name)?.id !== id) throw new MillraceError('invalid', 'not_found', `there is no dataset ${name}`);
          this.schemaVersions.set(`${id}/${record.version}`, record);
        }),
    };
  }
}
