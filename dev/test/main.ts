import { runTests } from './run-tests.ts';

/** `npm test [filters]`: everything but Spark, which has a command of its own. */
process.exit(
  await runTests({ projects: ['unit', 'simulation', 'integration', 'interop', 'crash', 'chaos', 'scale'], args: process.argv.slice(2) }),
);
