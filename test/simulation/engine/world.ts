import type { FaultPlan, IoPoint } from './io.ts';

/** `calm`: nothing happens by the seed, only what is planned: the base run whose points are enumerated. */
export type RunOptions = { plan?: FaultPlan; calm?: boolean; tracing?: boolean };

/** How a run ended. `broken`: laws that did not hold, in words; empty for a good run. `digest` is the same for the same seed. */
export type RunResult = {
  broken: string[];
  /** what happened, by kind */
  faults: ReadonlyMap<string, number>;
  /** records that were compared byte for byte */
  compared: number;
  points: readonly IoPoint[];
  trace: readonly string[];
  digest: string;
};

/** A model of the outside with the real code in it. A run is a pure function of seed and options. */
export type World = { name: string; run(seed: number, options?: RunOptions): Promise<RunResult> };
