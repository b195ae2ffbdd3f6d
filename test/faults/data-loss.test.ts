import { spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { acceptCluster } from '@millrace/cli/commands/clusters.ts';
import { acceptGap } from '@millrace/cli/commands/gaps.ts';
import { runVerify } from '@millrace/cli/verify/command.ts';
import { renderReport } from '@millrace/cli/verify/render.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Kafka, startKafka } from '../../dev/stack/kafka.ts';
import { epochsOf, type LandedChain, produce, readLanded, recordsOf, withAdmin } from '../integration/phase1-harness.ts';
import { api, createDataset, type Services, startServices, waitFor } from '../support/services.ts';
import { freshDirectory, uniqueName } from '../support/stack.ts';

/*
 * Kafka loses records before or after we landed them, on real brokers: the partition stops with the exact range, says so everywhere,
 * and goes on only after a person's word, which the chain keeps.
 */

const WITHIN_MS = 100_000;
const root = fileURLToPath(new URL('../../', import.meta.url));

let kafka: Kafka;
let kafkaDir: string;
let services: Services;
let rawUrl: string;
/** a topic whose first unread records were removed, and one whose log was lost, while landing was off */
let overrun: string;
let cut: string;

beforeAll(async () => {
  const lake = freshDirectory('lake');
  kafkaDir = freshDirectory('kafka');
  rawUrl = pathToFileURL(join(lake, 'raw')).href;
  kafka = await startKafka({ dir: kafkaDir, brokers: 1 });
  services = await startServices({ rawUrl, tablesUrl: pathToFileURL(join(lake, 'tables')).href, brokers: kafka.brokers });
  [overrun, cut] = [await newTopic(), await newTopic()];
  for (const topic of [overrun, cut]) await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
  await add(overrun, 0, 40);
  await add(cut, 0, 50);
  await landed(overrun, 40);
  await landed(cut, 50);
  expect(await gauge(overrun)).toBe('0');
  await services.phase1[0]?.stop();
  await add(overrun, 40, 60);
  await withAdmin(
    (admin) => admin.deleteRecords({ topics: [{ name: overrun, partitions: [{ partition: 0, offset: 70n }] }] }),
    kafka.brokers,
  );
  await kafka.stop();
  const log = join(kafkaDir, 'node-1', 'data', `${cut}-0`);
  expect(existsSync(log)).toBe(true);
  rmSync(log, { recursive: true });
  await kafka.start();
  await add(cut, 1_000, 20);
  await services.phase1[0]?.start();
}, 3 * WITHIN_MS);
afterAll(async () => {
  await services?.stop();
  await kafka?.stop();
});

type Loss = { code: string; kind: string; startOffset: string; endOffset: string };
type Status = {
  state: string;
  reason: string | null;
  nextAction: string | null;
  partitions: { topicId: string; partition: number; landed: string; committed: string; loss?: Loss }[];
};
type Audit = { id: string; action: string; who: string; detail: Record<string, unknown> }[];

const newTopic = async () => {
  const topic = uniqueName('loss');
  await withAdmin((admin) => admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 }), kafka.brokers);
  return topic;
};
const add = (topic: string, from: number, count: number) => produce(topic, 1, from, count, { 'bootstrap.servers': kafka.brokers });
const status = (name: string) => api<Status>(services.metastoreUrl, 'GET', `/v1/datasets/${name}/status`);
const auditOf = (name: string) => api<Audit>(services.metastoreUrl, 'GET', `/v1/audit?dataset=${name}`);
const metrics = async () => (await fetch(`${services.phase1[0]?.adminUrl}/metrics`)).text();
const gauge = async (topic: string) =>
  new RegExp(`millrace_data_loss_suspected\\{topic="${topic}",partition="0"\\} (\\d)`).exec(await metrics())?.[1];
const landed = (topic: string, records: number): Promise<LandedChain[]> =>
  waitFor(
    `${records} records landed`,
    () => readLanded(rawUrl, topic),
    (chains) => recordsOf(chains) === records,
    WITHIN_MS,
  );
const suspected = (name: string) =>
  waitFor(
    'a suspected loss',
    () => status(name),
    ({ partitions }) => partitions[0]?.loss !== undefined,
    WITHIN_MS,
  );

/** `npx millrace …` as a person runs it. */
async function millrace(...args: string[]): Promise<{ code: number | null; out: string }> {
  const child = spawn(process.execPath, [join(root, 'services/cli/bin/millrace.mjs'), ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...services.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (out += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { code, out };
}

describe('records that are gone', { timeout: 3 * WITHIN_MS }, () => {
  test('retention overran us: the exact range in status, metric and audit; accepted with that range only; a gap in chain and ledger; verify is clean', async () => {
    const topic = overrun;
    const found = await suspected(topic);
    const topicId = (await readLanded(rawUrl, topic))[0]?.topicId ?? '';
    expect(found.partitions[0]).toMatchObject({
      topicId,
      partition: 0,
      landed: '40',
      loss: { code: 'DATA_LOSS_SUSPECTED', kind: 'retention', startOffset: '40', endOffset: '70' },
    });
    expect(found).toMatchObject({
      state: 'BLOCKED',
      reason: expect.stringContaining('DATA_LOSS_SUSPECTED [40, 70)'),
      nextAction: expect.stringContaining(`millrace gaps accept ${topic} --partition 0 --from 40 --to 70 --reason TEXT`),
    });
    expect(await gauge(topic)).toBe('1');
    expect(await auditOf(topic)).toContainEqual(
      expect.objectContaining({
        action: 'data_loss_suspected',
        detail: { topicId, partition: 0, kind: 'retention', startOffset: '40', endOffset: '70' },
      }),
    );
    // nothing goes on by itself
    expect((await readLanded(rawUrl, topic))[0]?.end).toBe(40n);

    const wrong = acceptGap(topic, { partition: '0', from: '40', to: '71', reason: 'moths' }, services.env);
    await expect(wrong).rejects.toThrow('[40, 70), not [40, 71)');
    expect((await millrace('gaps', 'list', topic)).out).toMatch(/40 +70 +retention +DATA_LOSS_SUSPECTED/);
    const accepted = await millrace(
      'gaps',
      'accept',
      topic,
      '--partition',
      '0',
      '--from',
      '40',
      '--to',
      '70',
      '--reason',
      'moths ate them',
    );
    expect(accepted).toMatchObject({ code: 0 });

    const [chain] = await landed(topic, 70);
    const gap = chain?.entries.find(({ kind }) => kind === 'gap');
    expect(gap).toMatchObject({
      startOffset: 40n,
      endOffset: 70n,
      gaps: [{ startOffset: 40n, endOffset: 70n, cause: 'expired' }],
      reason: 'moths ate them',
    });
    expect(chain?.entries[Number(gap?.seq) - 1]?.kind).toBe('claim');
    expect(await gauge(topic)).toBe('0');
    expect((await auditOf(topic)).map(({ action }) => action)).toEqual(
      expect.arrayContaining(['create', 'data_loss_suspected', 'accept_gap']),
    );
    await waitFor(
      'the table behind the gap',
      () => status(topic),
      ({ state, partitions }) => state === 'RUNNING' && partitions[0]?.committed === '100' && partitions[0].loss === undefined,
      WITHIN_MS,
    );
    const proof = await runVerify(topic, { againstKafka: true }, services.env);
    expect(proof.differences.kept).toEqual([]);
    expect(renderReport(proof)).toContain('100 = 70 + 0 + 0 + 30');
  });

  test('the log was cut below what we landed: the range, nothing mixed, and after acceptance landing goes on at its own next offset', async () => {
    const topic = cut;
    const before = await readLanded(rawUrl, topic);
    const found = await suspected(topic);
    expect(found.partitions[0]).toMatchObject({ landed: '50', loss: { kind: 'truncated', startOffset: '20', endOffset: '50' } });
    expect(await gauge(topic)).toBe('1');
    const path = `/v1/datasets/${topic}/gaps`;
    const body = { partition: 0, startOffset: '20', endOffset: '50', reason: 'a disk was lost' };
    const once = await api<{ id: string }>(services.metastoreUrl, 'POST', path, body);
    expect((await api<{ id: string }>(services.metastoreUrl, 'POST', path, body)).id).toBe(once.id);
    await waitFor(
      'acceptance acted on',
      () => status(topic),
      ({ state, reason }) => state !== 'BLOCKED' && /is accepted; Kafka ends at 20, landing goes on at 50/.test(reason ?? ''),
      WITHIN_MS,
    );
    expect((await readLanded(rawUrl, topic))[0]?.offsets).toHaveLength(50);
    await add(topic, 2_000, 60);
    const [chain] = await landed(topic, 80);
    expect(chain?.topicId).toBe(before[0]?.topicId);
    const numbers = chain?.offsets.map((offset) => (chain.values.get(offset) as { n: number }).n);
    // Kafka's offsets 50 … 79 hold 2030 … 2059; what it holds below 50 now is of offsets we had landed
    expect(numbers).toEqual([...Array.from({ length: 50 }, (_, n) => n), ...Array.from({ length: 30 }, (_, n) => 2_030 + n)]);
    expect(await gauge(topic)).toBe('0');
    expect(epochsOf(chain as LandedChain).length).toBeGreaterThan(1);
  });

  test('another cluster behind the same address is refused until a person accepts it, with both ids', async () => {
    const topic = await newTopic();
    await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
    await add(topic, 0, 30);
    await landed(topic, 30);
    await kafka.stop();
    const first = kafka.clusterId;
    const port = Number(kafka.brokers.split(':')[1]);
    kafka = await startKafka({ dir: freshDirectory('kafka'), brokers: 1, ports: [port] });
    await withAdmin((admin) => admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 }), kafka.brokers);
    await add(topic, 5_000, 15);
    const command = `millrace clusters accept ${topic} --cluster-id ${kafka.clusterId} --reason TEXT`;
    const refused = await waitFor(
      'refused',
      () =>
        api<Status & { clusterChange?: { known: string[]; found: string } }>(services.metastoreUrl, 'GET', `/v1/datasets/${topic}/status`),
      ({ clusterChange }) => clusterChange !== undefined,
      WITHIN_MS,
    );
    expect(refused).toMatchObject({
      state: 'BLOCKED',
      clusterChange: { known: [first], found: kafka.clusterId },
      reason: expect.stringMatching(new RegExp(`${first}.*${kafka.clusterId}`)),
      nextAction: expect.stringContaining(command),
    });
    await sleep(2_000);
    expect(await readLanded(rawUrl, topic)).toHaveLength(1);
    await expect(acceptCluster(topic, { clusterId: first, reason: 'no' }, services.env)).rejects.toThrow(kafka.clusterId);
    const right = await millrace('clusters', 'accept', topic, '--cluster-id', kafka.clusterId, '--reason', 'we moved');
    expect(right).toMatchObject({ code: 0 });
    const chains = await landed(topic, 45);
    expect(chains.map(({ entries, offsets }) => [entries[0]?.source.clusterId, offsets.length]).sort()).toEqual(
      [
        [first, 30],
        [kafka.clusterId, 15],
      ].sort(),
    );
    const actions = (await auditOf(topic)).map(({ action }) => action);
    expect(actions).toEqual(expect.arrayContaining(['cluster_changed', 'accept_cluster']));
  });
});
