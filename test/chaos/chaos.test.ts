import { expect, test } from 'vitest';
import { freshDirectory, testPython } from '../support/stack.ts';
import { lines } from './figures.ts';
import { runChaos } from './run.ts';
import { lanes } from './schedule.ts';

/*
 * The chaos run of `npm test`: four minutes, at least sixty faults that really struck, on a stack of its own. Recovery times are not judged here: the
 * machine may be doing other work (`npm run chaos` judges them).
 */

const MINUTES = 4;
const FAULTS_MIN = 60;
const SEED = Number(process.env.MILLRACE_CHAOS_SEED ?? Date.now() % 1_000_000);

test(`${MINUTES} minutes of faults lose nothing, double nothing, alter nothing (seed ${SEED})`, async () => {
  const figures = await runChaos(
    {
      minutes: MINUTES,
      seed: SEED,
      store: 's3',
      rate: 1_000,
      datasets: 2,
      partitions: 6,
      roundMinutes: MINUTES,
      pace: 1,
      lanes: Object.keys(lanes) as (keyof typeof lanes)[],
      faultsMin: FAULTS_MIN,
      recordsMin: 10_000,
      timed: false,
    },
    {
      dir: freshDirectory('chaos'),
      python: testPython(),
      say: (line) => process.stderr.write(`${line}\n`),
      stop: new AbortController().signal,
    },
  );
  process.stderr.write(`${lines(figures).join('\n')}\n`);
  expect(figures.problems.length, figures.problems.join('\n')).toBe(0);
  expect(Object.keys(figures.faults.byKind).length).toBeGreaterThanOrEqual(15);
});
