import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { rangeTexts } from '../plan/batches.ts';
import type { LegEvents } from './leg-deps.ts';

/** Source partitions named in one line at most. */
const rangesShownMax = 100;

/** What a commit says in one log line: the ranges, sizes, how long it took, and the attempt the table's log carries. Pure. Never record data. */
export function commitLine({ name, kafkaTopic }: Dataset, facts: Parameters<LegEvents['committed']>[0]): Record<string, unknown> {
  const ranges = rangeTexts(facts.pieces);
  const text = (counts: Readonly<Record<string, bigint>>) =>
    Object.fromEntries(Object.entries(counts).map(([key, count]) => [key, count.toString()]));
  return {
    dataset: name,
    topic: kafkaTopic,
    version: facts.version.toString(),
    ranges: ranges.slice(0, rangesShownMax),
    partitions: ranges.length,
    records: facts.committed.toString(),
    quarantined: text(facts.quarantined),
    dropped: text(facts.dropped),
    jsonBytes: facts.bytes,
    bytes: facts.fileBytes,
    ms: Math.round(facts.ms),
    attemptId: facts.attemptId,
  };
}
