import type { Patch } from './plant.ts';

/** Who must find a bug: thousands of seeds of one of the simulated worlds, or a run on real parts judged by `test/checker`. */
export type Catcher = 'simulation:phase1' | 'simulation:phase2' | 'run';

/** A mistake that systems of this kind are known for, as changes of our sources. `withinSeconds`: of its catcher's time, on a quiet machine with two cores. */
export type Bug = { name: string; story: string; patches: readonly Patch[]; caughtBy: Catcher; withinSeconds: number };
