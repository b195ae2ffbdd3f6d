/** What the watchdog sees of one partition that is being read. Times in monotonic ms. */
export type WatchedPartition = { next: bigint; end: bigint | null; paused: boolean; progressAt: number };

/**
 * A client can lose a partition's error and go silent while Kafka has more. Pure.
 * @param rebuiltAt when the client was last rebuilt and nothing has arrived of the stalled partitions since; null otherwise
 * @returns `rebuild` once; `exit` when a rebuilt client stalls again
 */
export function watch(
  partitions: readonly WatchedPartition[],
  rebuiltAt: number | null,
  stallTimeoutMs: number,
  now: number,
): 'fine' | 'rebuild' | 'exit' {
  const stalled = partitions.some(
    ({ next, end, paused, progressAt }) => !paused && end !== null && end > next && now - progressAt >= stallTimeoutMs,
  );
  if (!stalled) return 'fine';
  return rebuiltAt === null ? 'rebuild' : 'exit';
}
