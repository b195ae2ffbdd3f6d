import { runTests } from './run-tests.ts';

/** `npm run test:alerts`: rules under promtool and under a real Prometheus; the short forms, which `npm test` has too, and the long ones. */
const filters = process.argv.slice(2);
process.exit(await runTests({ projects: ['integration', 'alerts'], args: filters.length > 0 ? filters : ['test/alerts/'] }));
