import { Counter, Histogram, type Registry } from 'prom-client';
import { type Stage, stageNames } from '../../domain/stages.ts';
import { codesOf, type StoreMeter, storeOperations } from '../../stores/metered-store.ts';

/** How a publication or a table commit ended, as metrics name it. `unknown_resolved`: committed, but its first answer was lost. */
export const commitResults = ['committed', 'conflicted', 'unknown_resolved', 'fenced'] as const;
export type CommitResult = (typeof commitResults)[number];

/** Seconds of one request to a store, or of one stage of a publication or batch. */
const secondsBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Sizes of objects and files, bytes: 1 KiB to 1 GiB, four times larger each. */
export const byteBuckets = Array.from({ length: 11 }, (_, i) => 2 ** (10 + 2 * i));

/** What both phases measure alike. */
export type WorkerMetrics = {
  store: StoreMeter;
  /** one stage of a publication or batch that came to its end */
  stage(stage: Stage, seconds: number): void;
  /** bytes that this process stored and that nothing will ever name */
  orphaned(bytes: number): void;
};

/** Registers what both phases measure alike, with zeros. */
export function createWorkerMetrics(registry: Registry): WorkerMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: 'millrace_store_requests_total',
    help: 'Requests to the object store by operation and ending; not_found and exists are answers, the other codes but ok are kinds of errors',
    labelNames: ['operation', 'code'],
    registers,
  });
  const requestSeconds = new Histogram({
    name: 'millrace_store_request_seconds',
    help: 'Seconds until the object store answered a request, with its repetitions',
    labelNames: ['operation'],
    buckets: secondsBuckets,
    registers,
  });
  const stageSeconds = new Histogram({
    name: 'millrace_stage_seconds',
    help: 'Seconds of one stage of a publication (seal, upload, publish) or of a batch (read, decode, infer, encode, upload, commit)',
    labelNames: ['stage'],
    buckets: secondsBuckets,
    registers,
  });
  const orphans = new Counter({
    name: 'millrace_orphan_bytes_total',
    help: 'Bytes this process stored and left unreferenced: nothing reads them, and cleaning may remove them',
    registers,
  });
  for (const operation of storeOperations) {
    requestSeconds.zero({ operation });
    for (const code of codesOf(operation)) requests.inc({ operation, code }, 0);
  }
  for (const stage of stageNames) stageSeconds.zero({ stage });
  return {
    store: (operation, code, seconds) => {
      requests.inc({ operation, code });
      requestSeconds.observe({ operation }, seconds);
    },
    stage: (stage, seconds) => stageSeconds.observe({ stage }, seconds),
    orphaned: (bytes) => orphans.inc(bytes),
  };
}
