import { byteBuckets, type CommitResult, commitResults } from '@millrace/core/adapters/admin/worker-metrics.ts';
import { Counter, Histogram, type Registry } from 'prom-client';
import { dataErrorStages } from '../../infer/data-errors.ts';
import type { CommitCounts } from '../../plan/commit-facts.ts';

/** A batch that is in the table. `bytes` of JSON; `ms` from reading raw to the commit, `at` ms since 1970. */
export type BatchFacts = CommitCounts & { dataset: string; version: bigint; attemptId: string; bytes: number; ms: number; at: number };

/** The one built-in rule by which records are dropped. */
const dropRules = ['tombstone'];
const stageOf = (reason: string) => (dataErrorStages as Record<string, string>)[reason] ?? 'other';

/** Metrics of batches and their commits. */
export function batchMetrics(registry: Registry) {
  const registers = [registry];
  const counter = (name: string, help: string, ...more: string[]) =>
    new Counter({ name, help, labelNames: ['dataset', ...more], registers });
  const records = counter('millrace_committed_records_total', 'Records committed to the table');
  const bytes = counter('millrace_committed_json_bytes_total', 'Bytes of raw lines committed, before compression');
  const quarantined = counter(
    'millrace_quarantined_records_total',
    'Records set aside with a pointer into raw, by the stage that found out and the reason',
    'stage',
    'reason',
  );
  const dropped = counter('millrace_dropped_records_total', 'Records discarded by a named rule', 'rule');
  const commits = counter(
    'millrace_table_commits_total',
    'Table commits by their ending; fenced: another worker has committed these records, conflicted: the table changed and the batch is planned again',
    'result',
  );
  const droppedBatches = counter(
    'millrace_dropped_batches_total',
    'Batches dropped because another worker was faster or the table changed',
  );
  const failures = counter('millrace_table_failures_total', 'Attempts of the table leg that failed and were repeated');
  const batchSeconds = new Histogram({
    name: 'millrace_batch_seconds',
    help: 'Time from reading raw to the commit',
    labelNames: ['dataset'],
    registers,
    buckets: [0.1, 0.3, 1, 3, 10, 30, 100],
  });
  const commitSeconds = new Histogram({
    name: 'millrace_commit_seconds',
    help: 'Seconds from writing the ledger to the settled ending of a table commit',
    labelNames: ['result'],
    registers,
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60],
  });
  const fileBytes = new Histogram({
    name: 'millrace_table_file_bytes',
    help: 'Bytes of one data file uploaded for a table',
    registers,
    buckets: byteBuckets,
  });
  const freshness = new Histogram({
    name: 'millrace_freshness_seconds',
    help: 'Seconds from Kafka’s timestamp of a record to its commit; of the oldest and of the newest record of each commit',
    labelNames: ['dataset'],
    registers,
    buckets: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 14_400, 86_400],
  });
  for (const result of commitResults) commitSeconds.zero({ result });
  return {
    /** zeros of a dataset that is worked on from now on */
    beginBatches(dataset: string): void {
      for (const one of [records, bytes, droppedBatches, failures]) one.inc({ dataset }, 0);
      for (const [reason, stage] of Object.entries(dataErrorStages)) quarantined.inc({ dataset, stage, reason }, 0);
      for (const rule of dropRules) dropped.inc({ dataset, rule }, 0);
      for (const result of commitResults) commits.inc({ dataset, result }, 0);
      for (const histogram of [batchSeconds, freshness]) histogram.zero({ dataset });
    },
    committed(facts: BatchFacts): void {
      const { dataset } = facts;
      records.inc({ dataset }, Number(facts.committed));
      for (const [reason, count] of Object.entries(facts.quarantined))
        quarantined.inc({ dataset, stage: stageOf(reason), reason }, Number(count));
      for (const [rule, count] of Object.entries(facts.dropped)) dropped.inc({ dataset, rule }, Number(count));
      bytes.inc({ dataset }, facts.bytes);
      batchSeconds.observe({ dataset }, facts.ms / 1000);
      for (const timestamp of [facts.oldestTimestamp, facts.newestTimestamp])
        if (timestamp !== null) freshness.observe({ dataset }, Math.max(0, facts.at - timestamp) / 1000);
    },
    /** a commit's ending is known */
    settled(dataset: string, result: CommitResult, seconds: number): void {
      commits.inc({ dataset, result });
      commitSeconds.observe({ result }, seconds);
    },
    uploaded: (size: number) => fileBytes.observe(size),
    dropped: (dataset: string) => droppedBatches.inc({ dataset }),
    failed: (dataset: string) => failures.inc({ dataset }),
  };
}
