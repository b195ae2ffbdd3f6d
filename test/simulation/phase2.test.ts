import { phase2World } from './phase2/world.ts';
import { simulationSuite } from './suite.ts';

simulationSuite(phase2World, [{ seed: 1, pointsMin: 20 }], { compared: 100_000, kinds: 8, faults: 5_000 });
