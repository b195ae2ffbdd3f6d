import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { type LandedChain, numbersOf, produce, readLanded, recordsOf, withProducer } from '../integration/phase1-harness.ts';
import { startLoad } from '../support/load.ts';
import { api, createDataset, type Service, type Services, startServices, waitFor } from '../support/services.ts';
import { freshDirectory, freshTopic } from '../support/stack.ts';

/** Behaviour 6 of "under fire", on real parts: records that kill their reader, and readers that are killed for other reasons (exact rule R13). */

const WITHIN_MS = 200_000;
const TEST_MS = 400_000;
const PARTITIONS = 3;
/** More names and values than the heap below can hold as JavaScript objects; the client hands over at most 100,000 of a record. */
const DEADLY_HEADERS = 99_000;
const HEADER_NAME_CHARS = 240;
const HEAP = { NODE_OPTIONS: '--max-old-space-size=64' };
const LARGE = { 'message.max.bytes': 32_000_000 };

let services: Services | undefined;
let keeper: { stop(): Promise<void> } | undefined;

afterEach(async () => {
  await keeper?.stop();
  await services?.stop();
  keeper = undefined;
  services = undefined;
});

const places = () => {
  const lake = freshDirectory('lake');
  return { rawUrl: pathToFileURL(join(lake, 'raw')).href, tablesUrl: pathToFileURL(join(lake, 'tables')).href };
};

/** Starts a worker again whenever it has ended, as every deployment does. */
function keepRunning(worker: Service) {
  let deaths = 0;
  let on = true;
  const work = (async () => {
    while (on) {
      if (worker.pid === undefined) {
        deaths++;
        await worker.start().catch(() => undefined);
      }
      await sleep(100);
    }
  })();
  return {
    deaths: () => deaths,
    async stop() {
      on = false;
      await work;
    },
  };
}

const chainOf = (chains: readonly LandedChain[], partition: number) => chains.find((chain) => chain.partition === partition) as LandedChain;
const metric = async (worker: Service | undefined, name: string) => {
  const text = await (await fetch(`${worker?.adminUrl}/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? Number.NaN);
};

type Landing = { partition: number; state: string; reason: string | null; landed: string };

test('a record that kills every process that reads it stops its own partition with its offset named; the others land, and a person lets it go', {
  timeout: TEST_MS,
}, async () => {
  const topic = await freshTopic({ partitions: PARTITIONS, config: { 'max.message.bytes': '32000000' } });
  await produce(topic, PARTITIONS, 0, 300);
  await withProducer(LARGE, async (producer) => {
    const headers = Array.from({ length: DEADLY_HEADERS }, (_, i) => ({ [`${i}`.padStart(HEADER_NAME_CHARS, 'h')]: 'x' }));
    producer.produce(topic, 1, Buffer.from('{"n":-1}'), 'deadly', Date.now(), undefined, headers as never);
  });
  await produce(topic, PARTITIONS, 300, 300);

  services = await startServices({
    ...places(),
    phase2: 0,
    env: { MILLRACE_SESSION_TIMEOUT_MS: '2000' },
    envOf: (name): Record<string, string> => (name === 'phase1-1' ? HEAP : {}),
  });
  const worker = services.phase1[0] as Service;
  const kept = keepRunning(worker);
  keeper = kept;
  const { metastoreUrl, env } = services;
  const rawUrl = env.MILLRACE_RAW_URL as string;
  await createDataset(metastoreUrl, { name: topic, kafkaTopic: topic });

  type Status = { landing?: { partitions: Landing[] }; partitions: (Landing & { loss?: unknown })[]; reason: string | null };
  const status = () => api<Status>(metastoreUrl, 'GET', `/v1/datasets/${topic}/status`);
  const stopped = await waitFor('the partition stops', status, (seen) => JSON.stringify(seen).includes('POISON_RECORD'), WITHIN_MS);
  expect(JSON.stringify(stopped)).toContain('--partition 1 --from 100 --to 101');
  await waitFor(
    'the others land',
    () => readLanded(rawUrl, topic),
    (chains) => [0, 2].every((partition) => chains.find((chain) => chain.partition === partition)?.offsets.length === 200),
    WITHIN_MS,
  );
  const before = chainOf(await readLanded(rawUrl, topic), 1);
  expect(before.end).toBe(100n);
  expect(kept.deaths()).toBeGreaterThanOrEqual(3);
  expect(kept.deaths()).toBeLessThanOrEqual(6);

  const deaths = kept.deaths();
  await api(metastoreUrl, 'POST', `/v1/datasets/${topic}/gaps`, {
    partition: 1,
    startOffset: '100',
    endOffset: '101',
    reason: 'more headers than any process can hold',
  });
  const after = await waitFor(
    'the partition goes on behind the record',
    async () => chainOf(await readLanded(rawUrl, topic), 1),
    (chain) => chain.end === 201n,
    WITHIN_MS,
  );
  expect(after.gaps).toBe(1n);
  expect(after.entries.find(({ kind }) => kind === 'gap')).toMatchObject({ gaps: [{ startOffset: 100n, endOffset: 101n }] });
  expect(numbersOf(after)).toEqual(Array.from({ length: 200 }, (_, i) => 3 * i + 1));
  expect(kept.deaths()).toBe(deaths);
});

test('kills under load never count against a record: each worker had made progress', { timeout: TEST_MS }, async () => {
  const topic = await freshTopic({ partitions: 2 });
  services = await startServices({
    ...places(),
    phase2: 0,
    env: { MILLRACE_SEAL_INTERVAL_MS: '100', MILLRACE_SESSION_TIMEOUT_MS: '2000' },
  });
  const worker = services.phase1[0] as Service;
  const rawUrl = services.env.MILLRACE_RAW_URL as string;
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
  const load = startLoad(topic, 1_000);
  const kills = 4; // one more than would have the next owner read alone
  for (let kill = 0; kill < kills; kill++) {
    await waitFor(
      'progress',
      () => metric(worker, `millrace_landed_records_total\\{topic="${topic}"\\}`),
      (landed) => landed > 0,
      WITHIN_MS,
    );
    await worker.kill();
    await worker.start();
  }
  await load.stop();
  const chains = await waitFor(
    'everything lands',
    () => readLanded(rawUrl, topic),
    (seen) => recordsOf(seen) === load.produced(),
    WITHIN_MS,
  );
  expect(await metric(worker, 'millrace_alone_records_total')).toBe(0);
  // every mark a worker left is one of reading with the others
  const raw = fileURLToPath(rawUrl);
  for (const { topicId, partition, entries } of chains) {
    const folder = join(raw, topic, '_chain', topicId, String(partition).padStart(5, '0'), '_flight');
    expect(readdirSync(folder).length).toBeLessThanOrEqual(entries.filter(({ kind }) => kind === 'claim').length);
  }
});
