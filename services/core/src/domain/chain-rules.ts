import type { ChainEntry, ChainStart } from './chain.ts';
import { MillraceError } from './errors.ts';

/** `clusterId` of a chain that was begun by a client that could not tell the cluster. The chain keeps it to its end: all entries of a chain name one cluster. */
export const unknownCluster = 'unknown';

/** First offset of a partition's chain: as resolved in `start.json`; 0 for a partition that came later. Pure. */
export function startOffsetOf(start: ChainStart, partition: number): bigint {
  return start.partitions[String(partition)] ?? 0n;
}

const fail = (entry: ChainEntry, code: string, words: string): never => {
  const { topic, topicId, partition } = entry.source;
  throw new MillraceError('corrupt', code, `chain of ${topic} ${topicId}/${partition}, entry ${entry.seq}: ${words}`, {
    topic,
    topicId,
    partition,
    seq: entry.seq.toString(),
  });
};

/**
 * Checks the law of the chain between an entry and the one before it (undefined for entry 0). Pure.
 * seq counts up by one; offsets are dense; a claim raises the epoch and covers nothing; every other kind keeps the epoch; only a claim follows a close;
 * and what an entry says about its own range adds up (`checkCovers`).
 * @throws kind `corrupt`
 */
export function checkFollows(previous: ChainEntry | undefined, entry: ChainEntry): void {
  checkCovers(entry);
  if (previous === undefined) {
    if (entry.seq !== 0n || entry.kind !== 'claim')
      fail(entry, 'chain_bad_first', `a chain begins with a claim at seq 0, not with a ${entry.kind}`);
    return;
  }
  if (entry.seq !== previous.seq + 1n) fail(entry, 'chain_not_dense', `follows seq ${previous.seq}`);
  if (entry.startOffset !== previous.endOffset)
    fail(entry, 'chain_offsets_not_dense', `starts at offset ${entry.startOffset}, the entry before ended at ${previous.endOffset}`);
  if (entry.source.clusterId !== previous.source.clusterId)
    fail(entry, 'chain_other_cluster', `is of cluster ${entry.source.clusterId}, the entry before of ${previous.source.clusterId}`);
  if (entry.kind === 'claim' ? entry.epoch <= previous.epoch : entry.epoch !== previous.epoch)
    fail(entry, 'chain_epoch', `a ${entry.kind} of epoch ${entry.epoch} after epoch ${previous.epoch}`);
  if (previous.kind === 'close' && entry.kind !== 'claim') fail(entry, 'chain_after_close', `a ${entry.kind} follows a close`);
}

/**
 * Checks that an entry accounts for every offset of `[startOffset, endOffset)` once: records of its objects plus its gaps. Pure.
 * Gaps may lie inside an object's range (holes between its records) or outside all objects; objects and gaps are ascending and do not overlap among themselves.
 * @throws kind `corrupt`
 */
export function checkCovers(entry: ChainEntry): void {
  const { startOffset, endOffset } = entry;
  if (endOffset < startOffset) fail(entry, 'chain_range', `ends at ${endOffset} before its start ${startOffset}`);
  if (entry.kind === 'claim' || entry.kind === 'close') {
    if (startOffset !== endOffset) fail(entry, 'chain_range', `a ${entry.kind} covers no offsets`);
    return;
  }
  let covered = 0n;
  let at = startOffset;
  for (const object of entry.kind === 'data' ? entry.objects : []) {
    if (object.startOffset < at || object.endOffset <= object.startOffset)
      fail(entry, 'chain_objects', `object ${object.key} overlaps or is empty`);
    covered += BigInt(object.recordCount);
    at = object.endOffset;
  }
  if (at > endOffset) fail(entry, 'chain_objects', `objects reach to ${at}, beyond ${endOffset}`);
  at = startOffset;
  for (const gap of entry.gaps) {
    if (gap.startOffset < at || gap.endOffset <= gap.startOffset)
      fail(entry, 'chain_gaps', `gap ${gap.startOffset}-${gap.endOffset} overlaps or is empty`);
    covered += gap.endOffset - gap.startOffset;
    at = gap.endOffset;
  }
  if (at > endOffset) fail(entry, 'chain_gaps', `gaps reach to ${at}, beyond ${endOffset}`);
  if (covered !== endOffset - startOffset)
    fail(entry, 'chain_not_covered', `records and gaps cover ${covered} of ${endOffset - startOffset} offsets`);
}
