import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type LandedChain, readLanded, withProducer } from '../integration/phase1-harness.ts';
import { createDataset, type Service, waitFor } from '../support/services.ts';
import { freshTopic } from '../support/stack.ts';
import { metric, startStoreWorld, withinMs } from './store-world.ts';

/*
 * A worker removed or added every 5 s, against the same workers left alone, in one run. The store takes its time with every request and the budget is
 * small, so that throughput is what the partitions' publications allow and not what the machine's cores do: what a hand-over costs is seen.
 */

const PARTITIONS = 6;
const WORKERS = 3;
const CALM_MS = 10_000;
/** A worker is removed, added, removed … so often, one change in so many ms; on a busy machine not before one that was added has claimed something. */
const CHANGES = 4;
const CHANGE_MS = 5_000;
const STORE_LATENCY_MS = 100;
const VALUE = 'x'.repeat(4_000);
const BACKLOG = 60_000;

type Span = { from: number; to: number };

const entriesIn = (chains: readonly LandedChain[], { from, to }: Span) =>
  chains.flatMap(({ entries }) => entries).filter(({ createdAt }) => Date.parse(createdAt) >= from && Date.parse(createdAt) < to);

/** Records a second that entered the chains, by the time of their entries. */
function rate(chains: readonly LandedChain[], span: Span): number {
  let records = 0;
  for (const entry of entriesIn(chains, span))
    if (entry.kind === 'data') for (const { recordCount } of entry.objects) records += recordCount;
  return (records * 1000) / (span.to - span.from);
}

const handovers = (chains: readonly LandedChain[], span: Span) => entriesIn(chains, span).filter(({ kind }) => kind === 'claim').length;

async function join(worker: Service): Promise<void> {
  await worker.start();
  await waitFor(
    'the added worker claims something',
    () => metric(worker, 'millrace_claims_total', 'result="claimed"'),
    (claims) => claims > 0,
    withinMs,
  );
}

it('a worker removed or added every 5 s loses nothing and keeps at least half of the throughput', async () => {
  const topic = await freshTopic({ prefix: 'churn', partitions: PARTITIONS });
  await withProducer({ 'queue.buffering.max.kbytes': 1_000_000, 'compression.codec': 'lz4' }, async (producer) => {
    for (let n = 0; n < BACKLOG; n++)
      producer.produce(topic, n % PARTITIONS, Buffer.from(`{"n":${n},"fill":"${VALUE}"}`), `${n}`, Date.now());
  });
  const { proxy, services, rawUrl } = await startStoreWorld({
    phase1: WORKERS,
    phase2: 0,
    env: { MILLRACE_BUFFER_BYTES_MAX: String(2 ** 20), MILLRACE_SEAL_BYTES: String(2 ** 16) },
  });
  proxy.add({ keyPattern: '^raw/(?!_millrace_probe/)', fault: { do: 'latency', ms: STORE_LATENCY_MS } });
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic, startFrom: 'earliest' });
  const writers = async () => (await readLanded(rawUrl, topic)).map(({ entries }) => entries.at(-1)?.writer);
  await waitFor('every worker lands', writers, (found) => new Set(found).size === WORKERS && found.length === PARTITIONS, withinMs);

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
  const chains = await readLanded(rawUrl, topic);
  const rates = { calm: rate(chains, calm), churn: rate(chains, churn) };
  const ratio = rates.churn / rates.calm;
  console.log(
    `records a second: calm ${rates.calm.toFixed()}, with churn ${rates.churn.toFixed()}; ratio ${ratio.toFixed(2)}; ${handovers(chains, churn)} hand-overs in ${churn.to - churn.from} ms`,
  );
  for (const { partition, start, values, end } of chains) {
    expect([start, end < BACKLOG / PARTITIONS], 'from the beginning, and the backlog lasted').toEqual([0n, true]);
    for (const [offset, value] of values)
      if ((value as { n: number }).n !== Number(offset) * PARTITIONS + partition) expect.fail(`${partition}/${offset}`);
  }
  expect(handovers(chains, churn)).toBeGreaterThanOrEqual(CHANGES);
  expect(ratio).toBeGreaterThanOrEqual(0.5);
}, 240_000);
