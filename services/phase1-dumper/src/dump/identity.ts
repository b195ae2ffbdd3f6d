import type { LineRange } from '@millrace/core/ports/record-source.ts';
import type { IdentityAnswer } from './source-metadata.ts';

/** Do two answers leave room for being of one cluster? Pure. null, which is not known, goes with every cluster: then topic ids alone tell sources apart. */
export function maySameCluster(a: string | null, b: string | null): boolean {
  return a === null || b === null || a === b;
}

/** Who a partition's buffer belongs to, and until when that is proven. `confirmedAt`: when the last question was *sent* whose answer named this id, monotonic ms. */
export type KnownIdentity = { clusterId: string | null; topicId: string; confirmedAt: number };

export type IdentityVerdict =
  | { verdict: 'same'; confirmedAt: number }
  /** the name is not there at present: a wait, nothing is closed */
  | { verdict: 'missing' }
  /** another topic of that name: the old chain may be closed */
  | { verdict: 'recreated'; topicId: string }
  /** brokers of another cluster answer: another source; the old one may still live, so nothing is closed */
  | { verdict: 'other_cluster'; clusterId: string | null };

/** Exact rule R1: what the leader's answer means. Pure. */
export function judgeIdentity(known: KnownIdentity, answer: IdentityAnswer): IdentityVerdict {
  if (!maySameCluster(answer.clusterId, known.clusterId)) return { verdict: 'other_cluster', clusterId: answer.clusterId };
  if (answer.topicId === null) return { verdict: 'missing' };
  if (answer.topicId !== known.topicId) return { verdict: 'recreated', topicId: answer.topicId };
  return { verdict: 'same', confirmedAt: Math.max(known.confirmedAt, answer.requestedAt) };
}

/**
 * Exact rule R1: ranges that had arrived before the request of the last answer with the old id was sent are of the old incarnation; later ones may be of another and are dropped. Pure.
 * @param ranges in order of arrival
 */
export function splitByProof(ranges: readonly LineRange[], confirmedAt: number): { proven: LineRange[]; unproven: LineRange[] } {
  const firstLate = ranges.findIndex((range) => range.arrivedAt >= confirmedAt);
  return firstLate < 0 ? { proven: [...ranges], unproven: [] } : { proven: ranges.slice(0, firstLate), unproven: ranges.slice(firstLate) };
}
