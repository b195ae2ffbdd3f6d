/**
 * What is remembered of a partition's end to tell how long its next record has waited: ends that lie beyond the landed offset, with the time each was first seen.
 * Read off offsets alone, because Kafka's timestamps may be anything a producer wrote, and nothing is fetched while a partition is paused.
 */
export type EndsSeen = {
  /** rising ends beyond the landed offset; `at` is monotonic ms */
  readonly ends: readonly { readonly end: bigint; readonly at: number }[];
  /** the end when the watch began: records below it were there before, for nobody knows how long */
  readonly firstEnd: bigint | null;
};

export const nothingSeen: EndsSeen = { ends: [], firstEnd: null };

/** Ends remembered at most; beyond it every second one is forgotten, and what is told is too small by no more than the time between two. */
export const endsMax = 256;

/**
 * Adds what the leader said, and forgets what has landed. Pure.
 * @param next landed offset: the next one to land
 * @param end last stable offset
 */
export function sawEnd(before: EndsSeen, next: bigint, end: bigint, now: number): EndsSeen {
  const ends = before.ends.filter((seen) => seen.end > next);
  const known = ends.at(-1)?.end ?? next;
  if (end > known) ends.push({ end, at: now });
  const thinned = ends.length > endsMax ? ends.filter((_, index) => index % 2 === 0 || index === ends.length - 1) : ends;
  return { ends: thinned, firstEnd: before.firstEnd ?? end };
}

/**
 * Seconds that the record at `next` has been waiting to be landed, at least; 0 when there is none. Pure.
 * A record that was there before the watch began is as old as its own timestamp says, once it is known.
 * @param timestamp Kafka's timestamp (ms) of the record at `next`, null while it is not known
 * @param now monotonic ms, as in `sawEnd`; `wallNow` ms since 1970
 */
export function waitedSeconds(seen: EndsSeen, next: bigint, timestamp: number | null, now: number, wallNow: number): number {
  const first = seen.ends.find(({ end }) => end > next);
  if (first === undefined) return 0;
  const wasThere = seen.firstEnd !== null && next < seen.firstEnd;
  const ageMs = wasThere && timestamp !== null ? wallNow - timestamp : 0;
  return Math.max(0, now - first.at, ageMs) / 1000;
}
