/** Of the budget: fetching stops at the first share and goes on below the second, so that it does not flutter. */
const pauseShare = 0.8;
const resumeShare = 0.5;
/** Records one poll may bring: enough to be fast, few enough to keep the event loop awake. */
export const pollRecordsMax = 4_000;
export const pollRecordsMin = 10;

/** Lines (bytes) one poll should bring at most: each is in memory several times until the engine has collected what the client handed over. */
export const pollBytesMax = 4 * 2 ** 20;

/** Should fetching be paused? Pure. @param bufferedBytes lines waiting or being published, of all partitions */
export function shouldPause(bufferedBytes: number, budgetBytes: number, paused: boolean): boolean {
  return bufferedBytes >= budgetBytes * (paused ? resumeShare : pauseShare);
}

/**
 * Size at which buffers are sealed. Pure. Without pressure the setting; while fetching is paused, half the mean buffer,
 * so that many small buffers are published rather than hold the whole budget until they are old.
 */
export function sealBytesUnder(paused: boolean, bufferedBytes: number, buffers: number, sealBytes: number): number {
  return paused && buffers > 0 ? Math.min(sealBytes, Math.max(1, bufferedBytes / (2 * buffers))) : sealBytes;
}

/**
 * How many records the next poll may bring, so that what is left of the budget is not overrun by much. Pure.
 * @param meanLineBytes of lines seen lately; 0 when none were
 */
export function pollRecords(bufferedBytes: number, budgetBytes: number, meanLineBytes: number): number {
  if (meanLineBytes <= 0) return pollRecordsMin * 10;
  const room = Math.min(pollBytesMax, Math.max(0, budgetBytes - bufferedBytes) / 4);
  return Math.max(pollRecordsMin, Math.min(pollRecordsMax, Math.floor(room / meanLineBytes)));
}
