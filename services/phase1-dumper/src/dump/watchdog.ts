/** What the watchdog sees now of one partition that is being read. `next`: next offset that will arrive. `end`: what Kafka has, as just told by the leader. */
export type WatchedPartition = { key: string; next: bigint; end: bigint };

/** What the watchdog keeps between two looks. Keys as of `partitionKey`. */
export type Watch = {
  /** partitions of which Kafka has more than arrives: the offset that does not come, and since when, monotonic ms */
  stalls: ReadonlyMap<string, { next: bigint; sinceMs: number }>;
  /** partitions the client was rebuilt for and of which nothing has arrived since: where they stand */
  rebuiltFor: ReadonlyMap<string, bigint>;
};

export const emptyWatch: Watch = { stalls: new Map(), rebuiltFor: new Map() };

/**
 * A client can lose a partition's error and go silent while Kafka has more. Pure.
 * Time counts from the look that first saw an offset missing, so an idle partition, a pause and a claim are no stall.
 * @param partitions those being read whose leader has just answered; none while fetching is paused. Whoever is left out begins anew
 * @returns `rebuild` for a stalled partition; `exit` when one stalls that the client was already rebuilt for
 */
export function watch(
  before: Watch,
  partitions: readonly WatchedPartition[],
  stallTimeoutMs: number,
  now: number,
): { verdict: 'fine' | 'rebuild' | 'exit'; watch: Watch } {
  const stalls = new Map<string, { next: bigint; sinceMs: number }>();
  const rebuiltFor = new Map(before.rebuiltFor);
  const stalled: WatchedPartition[] = [];
  for (const partition of partitions) {
    const { key, next, end } = partition;
    const stood = rebuiltFor.get(key);
    if (stood !== undefined) {
      if (next > stood || end <= next) rebuiltFor.delete(key);
      else rebuiltFor.set(key, next); // claimed again further back: what was buffered had been dropped
    }
    if (end <= next) continue;
    const known = before.stalls.get(key);
    const stall = known?.next === next ? known : { next, sinceMs: now };
    stalls.set(key, stall);
    if (now - stall.sinceMs >= stallTimeoutMs) stalled.push(partition);
  }
  if (stalled.length === 0) return { verdict: 'fine', watch: { stalls, rebuiltFor } };
  if (stalled.some(({ key }) => rebuiltFor.has(key))) return { verdict: 'exit', watch: { stalls, rebuiltFor } };
  for (const { key, next } of stalled) rebuiltFor.set(key, next);
  return { verdict: 'rebuild', watch: clientIsNew({ stalls, rebuiltFor }) };
}

/** A new client has its whole time: no stall is counted to it that the old one began. Pure. */
export function clientIsNew({ rebuiltFor }: Watch): Watch {
  return { stalls: new Map(), rebuiltFor };
}
