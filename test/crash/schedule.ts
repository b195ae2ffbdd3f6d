/** One act of violence: which worker, and how. Delays in ms. */
export type Episode =
  | { do: 'kill'; worker: number; afterMs: number; downMs: number }
  | { do: 'pause'; worker: number; afterMs: number; pausedMs: number };

/** A small generator of uniform numbers in [0, 1) by seed (mulberry32), so that a failing run can be repeated. Pure in its seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Kills spread evenly over all workers, at random moments, with pauses longer than the session in between. Pure.
 * @param workers how many processes there are, both phases
 */
export function schedule(seed: number, workers: number, kills: number, pauses: number, sessionTimeoutMs: number): Episode[] {
  const random = seeded(seed);
  const between = (low: number, high: number) => Math.round(low + random() * (high - low));
  const episodes: Episode[] = [];
  for (let kill = 0; kill < kills; kill++)
    episodes.push({ do: 'kill', worker: kill % workers, afterMs: between(300, 2_500), downMs: between(0, 1_500) });
  for (let pause = 0; pause < pauses; pause++) {
    const at = between(0, episodes.length);
    episodes.splice(at, 0, {
      do: 'pause',
      worker: pause % workers,
      afterMs: between(300, 1_500),
      pausedMs: sessionTimeoutMs + between(1_000, 3_000),
    });
  }
  return episodes;
}
