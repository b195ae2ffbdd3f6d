/** Time as a dependency. `now` is wall time in ms since 1970; `monotonic` never goes back, in ms, and has no meaning between processes. */
export interface Clock {
  now(): number;
  monotonic(): number;
  /** Resolves after `ms`, or at once when the signal aborts (it never rejects). */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Randomness as a dependency. */
export interface Random {
  /** A fresh ULID: 26 characters, sorted by time, unique over all writers. */
  ulid(): string;
  /** A uniform id in [1, 2^53 − 1]. */
  id53(): bigint;
  /** A uniform number in [0, 1), for jitter. */
  fraction(): number;
}
