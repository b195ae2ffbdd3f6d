import { seeded } from '@millrace/core/adapters/system/seeded.ts';
/** One act of violence: which worker, and how. Delays in ms. */
export type Episode =
  | { do: 'kill'; worker: number; afterMs: number; downMs: number }
  | { do: 'pause'; worker: number; afterMs: number; pausedMs: number };

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
