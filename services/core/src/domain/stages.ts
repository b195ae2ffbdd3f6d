/** What a publication and a batch are made of, as metrics and spans name it. */
export const stageNames = ['read', 'seal', 'upload', 'publish', 'decode', 'infer', 'encode', 'commit'] as const;
export type Stage = (typeof stageNames)[number];

/** One stage of one publication or batch: wall clock, ms since 1970 with fractions. `failed`: it was begun and never came to its end. */
export type StageTime = { stage: Stage; startMs: number; endMs: number; failed: boolean };
