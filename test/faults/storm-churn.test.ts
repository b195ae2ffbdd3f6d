import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { type LandedChain, numbersOf, readLanded, withProducer } from '../integration/phase1-harness.ts';
import { createDataset, type Service, startServices, waitFor } from '../support/services.ts';
import { freshDirectory, freshTopic } from '../support/stack.ts';
import { metric, untilLanded, withinMs } from './store-world.ts';

/*
 * A worker removed or added every 5 s, against the same workers left alone under the same load, in one run.
 * What stood still and is only caught up afterwards does not count: of each partition and each 2 s at most the calm mean does.
 */

const PARTITIONS = 6;
const WORKERS = 3;
const RECORDS_PER_SECOND = 600;
const CALM_MS = 10_000;
/** A worker is removed, added, removed … so often, one change in so many ms; on a busy machine not before one that was added has claimed something. */
const CHANGES = 5;
const CHANGE_MS = 5_000;
const SLOT_MS = 2_000;

type Span = { from: number; to: number };

/** Records of each partition that entered its chain in each whole slot of the span, by the time of the entries. */
function landedBySlot(chains: readonly LandedChain[], { from, to }: Span): number[] {
  const slots = Math.floor((to - from) / SLOT_MS);
  return chains.flatMap(({ entries }) => {
    const landed = new Array<number>(slots).fill(0);
    for (const entry of entries) {
      const slot = Math.floor((Date.parse(entry.createdAt) - from) / SLOT_MS);
      if (entry.kind === 'data' && slot in landed)
        for (const { recordCount } of entry.objects) landed[slot] = (landed[slot] ?? 0) + recordCount;
    }
    return landed;
  });
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);

const handovers = (chains: readonly LandedChain[], { from, to }: Span) =>
  chains
    .flatMap(({ entries }) => entries)
    .filter(({ kind, createdAt }) => kind === 'claim' && Date.parse(createdAt) >= from && Date.parse(createdAt) < to).length;

async function join(worker: Service): Promise<void> {
  await worker.start();
  await waitFor(
    'the added worker claims something',
    () => metric(worker, 'millrace_claims_total', 'result="claimed"'),
    (claims) => claims > 0,
    withinMs,
  );
}

/** Numbered records, evenly over time and partitions. `stop` tells how many. */
function startLoad(topic: string): { stop(): Promise<number> } {
  let running = true;
  const startedAt = performance.now();
  const load = withProducer({}, async (producer) => {
    let sent = 0;
    for (; running; await sleep(50))
      for (const due = ((performance.now() - startedAt) * RECORDS_PER_SECOND) / 1000; sent < due; sent++)
        producer.produce(topic, sent % PARTITIONS, Buffer.from(`{"n":${sent}}`), null, Date.now());
    return sent;
  });
  load.catch(() => {});
  return {
    stop: () => {
      running = false;
      return load;
    },
  };
}

it('a worker removed or added every 5 s loses nothing and keeps at least half of the throughput', async () => {
  const lake = pathToFileURL(freshDirectory('lake')).href;
  const rawUrl = `${lake}/raw`;
  const topic = await freshTopic({ prefix: 'churn', partitions: PARTITIONS });
  const services = await startServices({ rawUrl, tablesUrl: `${lake}/tables`, phase1: WORKERS, phase2: 0 });
  onTestFinished(() => services.stop());
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
  const load = startLoad(topic);
  onTestFinished(async () => void (await load.stop()));
  const writers = async () => (await readLanded(rawUrl, topic)).map(({ entries }) => entries.at(-1)?.writer);
  await waitFor('every worker lands', writers, (found) => new Set(found).size === WORKERS && found.length === PARTITIONS, withinMs);
  await sleep(SLOT_MS);

  const calm = { from: Date.now(), to: Date.now() + CALM_MS };
  await sleep(CALM_MS);
  const from = Date.now();
  const changing = services.phase1.at(-1) as Service;
  for (let change = 0; change < CHANGES; change++) {
    const next = sleep(CHANGE_MS);
    if (change % 2 === 0) await changing.stop();
    else await join(changing);
    await next;
  }
  const churn = { from, to: Date.now() };
  const sent = await load.stop();

  const chains = await untilLanded(rawUrl, topic, sent);
  expect(chains.flatMap(numbersOf).toSorted((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, n) => n));
  const [before, during] = [landedBySlot(chains, calm), landedBySlot(chains, churn)];
  const mean = sum(before) / before.length;
  const kept = sum(during.map((landed) => Math.min(landed, mean))) / (during.length * mean);
  console.log(
    `records a second: calm ${((mean * PARTITIONS * 1000) / SLOT_MS).toFixed()}, kept under churn ${kept.toFixed(2)} of it; ${handovers(chains, churn)} hand-overs in ${churn.to - churn.from} ms`,
  );
  expect(handovers(chains, churn)).toBeGreaterThanOrEqual(CHANGES);
  expect(kept).toBeGreaterThanOrEqual(0.5);
}, 240_000);
