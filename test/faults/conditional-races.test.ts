import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { freshBucket, freshDirectory } from '../support/stack.ts';
import type { RaceOrder, RaceReport } from './race-writer.ts';

/*
 * The one primitive everything rests on: of two processes that create the same key at the same time exactly one is told that it did, and whoever
 * reads afterwards finds the winner's bytes.
 */

const races = 10_000;
/** Keys that both writers are told at a time: so far apart they can be at most, and so many requests of each are under way. */
const perRound = 25;
/** A quiet machine takes under half a minute. */
const withinMs = 600_000;
/** Every tenth round goes through the services' own S3 client, the others with signed requests and nothing between: ten times as fast. */
const adapterRounds = 10;
const writer = fileURLToPath(new URL('race-writer.ts', import.meta.url));
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

const message = (child: ChildProcess): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const died = (code: number | null) => reject(new Error(`a writer ended with ${code}`));
    child.once('exit', died);
    child.once('message', (told) => {
      child.off('exit', died);
      resolve(told);
    });
  });

async function startWriters(url: string, env: Readonly<Record<string, string>>): Promise<ChildProcess[]> {
  const started = ['first', 'second'].map((name) => fork(writer, [url, name], { env: { ...process.env, ...env }, execArgv: [] }));
  children.push(...started);
  await Promise.all(started.map(message));
  return started;
}

async function run(url: string, env: Readonly<Record<string, string>>): Promise<void> {
  const writers = await startWriters(url, env);
  const wins = [0, 0];
  const wrong: string[] = [];
  const from = performance.now();
  for (let at = 0; at < races; at += perRound) {
    const keys = Array.from({ length: perRound }, (_, n) => `race/${String(at + n).padStart(8, '0')}.json`);
    const order: RaceOrder = { keys, bare: (at / perRound) % adapterRounds !== 0 };
    for (const child of writers) child.send(order);
    const reports = (await Promise.all(writers.map(message))) as [RaceReport, RaceReport];
    const won = reports.map((report) => new Set(report.won));
    for (const key of order.keys)
      if (won[0]?.has(key) === won[1]?.has(key)) wrong.push(`${key}: ${won[0]?.has(key) ? 'two winners' : 'no winner'}`);
    for (const [index, report] of reports.entries()) {
      wins[index] = (wins[index] ?? 0) + report.won.length;
      const other = index === 0 ? 'second' : 'first';
      for (const { key, body } of report.lost)
        if (body !== `${other} ${key}`.padEnd(600, '.')) wrong.push(`${key}: the loser reads ${body.slice(0, 60)}`);
    }
  }
  const seconds = (performance.now() - from) / 1000;
  process.stdout.write(`${races} races on ${url.split(':')[0]} in ${seconds.toFixed(1)} s: ${wins.join(' and ')} won\n`);
  expect(wrong).toEqual([]);
  expect((wins[0] ?? 0) + (wins[1] ?? 0)).toBe(races);
  // else nobody raced
  expect(Math.min(...wins)).toBeGreaterThan(races / 100);
}

test(
  `of ${races} races of two processes for a name in a folder each has one winner, whose bytes the loser reads`,
  () => run(pathToFileURL(freshDirectory('races')).href, {}),
  withinMs,
);

test(
  `of ${races} races of two processes for a key on the S3 server each has one winner, whose bytes the loser reads`,
  () => {
    const { url, env } = freshBucket();
    return run(`${url}/races`, env);
  },
  withinMs,
);
