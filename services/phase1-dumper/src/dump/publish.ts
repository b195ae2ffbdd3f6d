import { type CloseEntry, chainFormat, type DataEntry, type RawObject } from '@millrace/core/domain/chain.ts';
import type { Gap } from '@millrace/core/domain/offsets.ts';
import type { SourceIdentity } from '@millrace/core/domain/source.ts';
import type { LineRange } from '@millrace/core/ports/record-source.ts';
import type { ChainHead, WriterStamp } from './claim.ts';

/** What a raw object made of these ranges says of itself before its bytes exist. */
export type ObjectPlan = Pick<RawObject, 'recordCount' | 'startOffset' | 'endOffset' | 'firstTimestamp' | 'lastTimestamp' | 'linesBytes'>;

/** One publication: `[startOffset, endOffset)` covered exactly by the object's records and the gaps. `object` is null when there is no record (R12). */
export type PublicationPlan = {
  startOffset: bigint;
  endOffset: bigint;
  leaderEpoch: number | null;
  gaps: Gap[];
  object: ObjectPlan | null;
};

/**
 * Plans the publication of ranges that join without a hole. Pure.
 * The object's offsets run from its first record to behind its last; holes between its records, and before and behind it, are the gaps.
 */
export function planPublication(ranges: readonly LineRange[], head: Pick<ChainHead, 'nextOffset' | 'leaderEpoch'>): PublicationPlan {
  const gaps = joinGaps(ranges.flatMap((range) => range.gaps));
  const startOffset = head.nextOffset;
  const endOffset = ranges.at(-1)?.endOffset ?? startOffset;
  const withRecords = ranges.filter((range) => range.recordCount > 0);
  const leaderEpoch = withRecords.findLast((range) => range.leaderEpoch !== null)?.leaderEpoch ?? head.leaderEpoch;
  const first = withRecords[0];
  const last = withRecords.at(-1);
  if (first === undefined || last === undefined) return { startOffset, endOffset, leaderEpoch, gaps, object: null };

  let firstRecord = startOffset;
  for (const gap of gaps) if (gap.startOffset === firstRecord) firstRecord = gap.endOffset;
  let behindLast = endOffset;
  for (const gap of gaps.toReversed()) if (gap.endOffset === behindLast) behindLast = gap.startOffset;
  return {
    startOffset,
    endOffset,
    leaderEpoch,
    gaps,
    object: {
      recordCount: withRecords.reduce((sum, range) => sum + range.recordCount, 0),
      startOffset: firstRecord,
      endOffset: behindLast,
      firstTimestamp: first.firstTimestamp,
      lastTimestamp: last.lastTimestamp,
      linesBytes: withRecords.reduce((sum, range) => sum + range.lines.length, 0),
    },
  };
}

/** Ascending gaps with neighbours of one cause joined. Pure. */
function joinGaps(gaps: readonly Gap[]): Gap[] {
  const joined: Gap[] = [];
  for (const gap of gaps) {
    const before = joined.at(-1);
    if (before !== undefined && before.endOffset === gap.startOffset && before.cause === gap.cause)
      joined[joined.length - 1] = { ...before, endOffset: gap.endOffset };
    else joined.push(gap);
  }
  return joined;
}

/** The chain entry of a publication. Pure. Control records at the end make a `data` entry without objects (R12). */
export function planDataEntry(
  source: SourceIdentity,
  head: ChainHead,
  plan: PublicationPlan,
  objects: RawObject[],
  stamp: WriterStamp,
): DataEntry {
  return {
    kind: 'data',
    ...follow(source, head, stamp),
    startOffset: plan.startOffset,
    endOffset: plan.endOffset,
    leaderEpoch: plan.leaderEpoch,
    objects,
    gaps: plan.gaps,
  };
}

/** The entry that ends an incarnation. Pure. Only after the leader named another id (R1). */
export function planCloseEntry(source: SourceIdentity, head: ChainHead, newTopicId: string, stamp: WriterStamp): CloseEntry {
  return { kind: 'close', ...follow(source, head, stamp), reason: `the topic was made again: its id is now ${newTopicId}` };
}

function follow(source: SourceIdentity, head: ChainHead, stamp: WriterStamp) {
  return {
    format: chainFormat,
    seq: head.seq + 1n,
    attemptId: stamp.attemptId,
    epoch: head.epoch,
    source,
    startOffset: head.nextOffset,
    endOffset: head.nextOffset,
    leaderEpoch: head.leaderEpoch,
    writer: stamp.writer,
    createdAt: new Date(stamp.nowMs).toISOString(),
  } as const;
}
