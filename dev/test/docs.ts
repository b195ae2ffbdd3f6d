import { runTests } from './run-tests.ts';

/** `npm run test:docs`: every command block of quick start and operations; the short forms, which `npm test` has too, and the long ones. */
const filters = process.argv.slice(2);
process.exit(await runTests({ projects: ['integration', 'docs'], args: filters.length > 0 ? filters : ['test/docs/'] }));
