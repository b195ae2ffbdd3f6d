import type { World } from './engine/world.ts';
import { phase1World } from './phase1/world.ts';
import { phase2World } from './phase2/world.ts';

/** The worlds that are simulated. */
export const worlds: readonly World[] = [phase1World, phase2World];
