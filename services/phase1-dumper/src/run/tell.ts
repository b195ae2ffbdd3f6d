import type { CommitResult } from '@millrace/core/adapters/admin/worker-metrics.ts';
import type { DataEntry } from '@millrace/core/domain/chain.ts';
import type { Stages } from '@millrace/core/work/stages.ts';
import type { LandingContext } from './context.ts';

/** Datasets named in one line at most. */
const datasetsShownMax = 10;

/** Counts a publication whose ending is known and says it in one line: the range, sizes, how long it took, and the attempt its entry carries. Never record data. */
export function tellPublication(context: LandingContext, entry: DataEntry, result: CommitResult, stages: Stages): void {
  const { metrics, log } = context;
  const { topic, partition, topicId } = entry.source;
  const ms = stages.now() - stages.startMs;
  const gapOffsets = entry.gaps.reduce((sum, gap) => sum + gap.endOffset - gap.startOffset, 0n);
  const bytes = entry.objects.reduce((sum, object) => sum + object.bytes, 0);
  const stands = result === 'committed' || result === 'unknown_resolved';
  metrics.published({ topic, result, seconds: ms / 1000, objects: entry.objects, gapOffsets });
  if (!stands) metrics.orphaned(bytes);
  log[stands ? 'info' : 'warn'](
    {
      datasets: context.datasetsOf?.(topic).slice(0, datasetsShownMax),
      topic,
      topicId,
      partition,
      startOffset: entry.startOffset.toString(),
      endOffset: entry.endOffset.toString(),
      seq: entry.seq.toString(),
      epoch: entry.epoch.toString(),
      records: entry.objects.reduce((sum, object) => sum + object.recordCount, 0),
      gapOffsets: gapOffsets.toString(),
      bytes,
      linesBytes: entry.objects.reduce((sum, object) => sum + object.linesBytes, 0),
      ms: Math.round(ms),
      result,
      attemptId: entry.attemptId,
    },
    stands ? 'published' : 'a publication lost its place in the chain',
  );
}
