import { phase1World } from './phase1/world.ts';
import { simulationSuite } from './suite.ts';

simulationSuite(
  phase1World,
  [
    { seed: 0, pointsMin: 50 },
    { seed: 1, pointsMin: 50 },
    { seed: 2, pointsMin: 50 },
  ],
  { compared: 100_000, kinds: 20, faults: 10_000 },
);
