import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { epochsOf, type LandedChain, numbersOf, produce, readLanded, recordsOf } from '../integration/phase1-harness.ts';
import { createDataset, startServices, waitFor } from '../support/services.ts';
import { freshDirectory, freshTopic } from '../support/stack.ts';

/*
 * Many workers at once: they claim against each other, and come to rest.
 */

const WORKERS = Number(process.env.MILLRACE_TEST_STORM_WORKERS ?? 16);
const PARTITIONS = 64;
const BACKLOG = 64 * 20;
const ROUND = 64;
const withinMs = 240_000;
/** Claims of one partition on the way to rest. A worker that starts late on a busy machine moves some partitions once more. */
const CLAIMS_MAX = 6;
/** Claims a partition on average: its first one, and what joining workers take from those that came before. */
const CLAIMS_MEAN_MAX = 3;

const claimsOf = (chains: readonly LandedChain[]) => chains.map((chain) => epochsOf(chain).length);

it(`${WORKERS} workers started within 200 ms on a backlog of ${PARTITIONS} partitions come to rest: bounded claims, each partition one worker's, nothing lost or doubled`, async () => {
  const lake = pathToFileURL(freshDirectory('lake')).href;
  const rawUrl = `${lake}/raw`;
  const topic = await freshTopic({ prefix: 'storm', partitions: PARTITIONS });
  await produce(topic, PARTITIONS, 0, BACKLOG);
  const services = await startServices({ rawUrl, tablesUrl: `${lake}/tables`, phase1: 0, phase2: 0 });
  onTestFinished(() => services.stop());
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic, startFrom: 'earliest' });
  const workers = [];
  for (let n = 0; n < WORKERS; n++) workers.push(await services.add('phase1'));

  const from = performance.now();
  const started = workers.map((worker) => worker.start());
  while (workers.some(({ pid }) => pid === undefined)) await sleep(1);
  const startedMs = performance.now() - from;
  await Promise.all(started);
  const pids = new Set(workers.map(({ pid }) => String(pid)));

  let sent = BACKLOG;
  const look = async () => {
    await produce(topic, PARTITIONS, sent, ROUND);
    sent += ROUND;
    const read = () => readLanded(rawUrl, topic);
    return waitFor(`${sent} records landed`, read, (chains) => recordsOf(chains) >= sent, withinMs);
  };
  /** Every worker lands some of the partitions, and no claim was written since the look before. */
  let claimsBefore = -1;
  const atRest = (chains: readonly LandedChain[]) => {
    const claims = claimsOf(chains).reduce((sum, each) => sum + each, 0);
    const landing = new Set(chains.map(({ entries }) => entries.at(-1)?.writer.split('-').at(-1) ?? ''));
    const rests = claims === claimsBefore && chains.length === PARTITIONS && pids.symmetricDifference(landing).size === 0;
    claimsBefore = claims;
    return rests;
  };
  const chains = await waitFor('the storm is over', look, atRest, withinMs);

  const claims = claimsOf(chains);
  console.log(
    `processes started within ${startedMs.toFixed()} ms; claims ${claims.reduce((sum, each) => sum + each, 0)}, most of one partition ${Math.max(...claims)}`,
  );
  expect(Math.max(...claims)).toBeLessThanOrEqual(CLAIMS_MAX);
  expect(claims.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(CLAIMS_MEAN_MAX * PARTITIONS);
  expect(chains.flatMap(numbersOf).toSorted((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, n) => n));
}, 300_000);
