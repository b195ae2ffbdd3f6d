import { runTests } from './run-tests.ts';

/** `npm run crash`: the kills of `npm test`, all of them. */
const env = { MILLRACE_CRASH_KILLS: '30', MILLRACE_CRASH_PAUSES: '5' };
process.exit(await runTests({ projects: ['crash'], args: process.argv.slice(2), env: { ...env, ...process.env } }));
