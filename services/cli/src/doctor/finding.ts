/**
 * `ok` · `warning` works, but somebody should know · `failure` does not work, or will not · `unknown` could not be looked at, and why.
 * Only a failure makes the answer "no".
 */
export type Level = 'ok' | 'warning' | 'failure' | 'unknown';

/** One line of the doctor's: what was seen, and for anything but ok what to do about it. Never a secret in either. */
export type Finding = { level: Level; says: string; fix?: string };

/** What one check brought. `seconds` it took. */
export type CheckResult = { name: string; seconds: number; findings: Finding[] };

export const ok = (says: string): Finding => ({ level: 'ok', says });
export const warning = (says: string, fix: string): Finding => ({ level: 'warning', says, fix });
export const failure = (says: string, fix: string): Finding => ({ level: 'failure', says, fix });
export const unknown = (says: string): Finding => ({ level: 'unknown', says });

/** How many findings there are of each level. Pure. */
export function countLevels(results: readonly CheckResult[]): Record<Level, number> {
  const counts: Record<Level, number> = { ok: 0, warning: 0, failure: 0, unknown: 0 };
  for (const { findings } of results) for (const { level } of findings) counts[level]++;
  return counts;
}

const units = [
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
] as const;

/** Bytes as people read them, `1.5 GiB`. Pure. */
export function bytesText(bytes: number): string {
  for (const [name, size] of units) if (bytes >= size) return `${Number((bytes / size).toFixed(1))} ${name}`;
  return `${bytes} bytes`;
}

/** A time difference as people read it, `2.5 s` or `62 min`. Pure. @param ms its size counts, not its sign */
export function durationText(ms: number): string {
  const seconds = Math.abs(ms) / 1000;
  return seconds >= 600 ? `${Math.round(seconds / 60)} min` : `${Number(seconds.toFixed(1))} s`;
}
