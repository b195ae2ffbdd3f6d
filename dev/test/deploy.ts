import { runTests } from './run-tests.ts';

/** `npm run test:deploy`: images, compose, charts, rights; the short forms, which `npm test` has too, and the long ones. */
const filters = process.argv.slice(2);
process.exit(await runTests({ projects: ['integration', 'deploy'], args: filters.length > 0 ? filters : ['test/deploy/'] }));
