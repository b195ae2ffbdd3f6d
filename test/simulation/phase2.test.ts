import { phase2World } from './phase2/world.ts';
import { simulationSuite } from './suite.ts';

simulationSuite(phase2World, [{ seed: 1, pointsMin: 150 }], { compared: 80_000, kinds: 18, faults: 12_000 });
