import type { RunOptions } from './engine/world.ts';

/** A run that once broke a law. Kept for ever: every `npm test` runs it again. */
export type KeptSeed = { world: string; seed: number; options?: RunOptions; story: string };

export const keptSeeds: readonly KeptSeed[] = [
  {
    world: 'phase1',
    seed: 25,
    story:
      'A leader moved before the first records of a partition were landed: they were older than their leader, and the chain at offset 0 took that for a fallen epoch and stopped for good.',
  },
  {
    world: 'phase1',
    seed: 79,
    story:
      'A topic was made again between the question for its id and the one for its first offsets: the claim went on asking for the old id and never ended.',
  },
];
