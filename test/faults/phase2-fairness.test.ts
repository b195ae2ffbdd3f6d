import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { chainPrefix } from '@millrace/core/domain/keys.ts';
import { expect, it, onTestFinished } from 'vitest';
import { HandChain } from '../../services/phase2-transformer/test/loop/hand-chain.ts';
import { readTable } from '../../services/phase2-transformer/test/loop/read-table.ts';
import { createDataset, startServices, waitFor } from '../support/services.ts';
import { freshDirectory, uniqueName } from '../support/stack.ts';

/*
 * One process serves 200 small datasets beside a huge one. Freshness is read from the files afterwards: how long after its chain entry was there
 * did the commit that holds it appear.
 */

const topicId = 'Mh5vQ2xKRc6dJ0sW8yTb_A';
const topics = 10;
const datasetsPerTopic = 20;
const roundMs = 5_000;
const quietRounds = 2;
const busyRounds = 3;
/** The huge one's backlog: entries of so many records of some 350 bytes each. */
const hugeEntries = 14;
const hugeRecords = 50_000;
/** Freshness of the small ones beside the huge one: at most so many times what it was, plus a little. Without places of their own it is 2.7 times. */
const timesMax = 2;
const floorMs = 1_500;

it('200 small datasets keep their freshness beside one with a backlog, in one process', async () => {
  const dir = freshDirectory('lake');
  const lake = { rawUrl: pathToFileURL(join(dir, 'raw')).href, tablesUrl: pathToFileURL(join(dir, 'tables')).href };
  const raw = openObjectStore(lake.rawUrl, { forcePathStyle: true });
  const tables = openObjectStore(lake.tablesUrl, { forcePathStyle: true });
  const chains = Array.from({ length: topics }, () => new HandChain(raw, uniqueName('small'), topicId, 0));
  const huge = new HandChain(raw, uniqueName('huge'), topicId, 0);
  const filler = 'x'.repeat(200);
  await Promise.all([huge, ...chains].map((chain) => chain.claim()));
  for (let entry = 0; entry < hugeEntries; entry++)
    await huge.data(Array.from({ length: hugeRecords }, (_, n) => `{"id":${entry * hugeRecords + n},"total":${n}.5,"text":"${filler}"}`));
  for (const chain of chains) await chain.data(['{"id":0,"text":"first"}']);

  const services = await startServices({ ...lake, phase1: 0, env: { KAFKA_BROKERS: '', MILLRACE_BATCH_BYTES: String(64 * 2 ** 20) } });
  onTestFinished(() => services.stop());
  const small = chains.flatMap((chain) => Array.from({ length: datasetsPerTopic }, (_, n) => ({ chain, name: `${chain.topic}-${n}` })));
  for (const { chain, name } of small) await createDataset(services.metastoreUrl, { name, kafkaTopic: chain.topic });
  const untilCommitted = () =>
    waitFor(
      'all small ones committed',
      async () =>
        small.every(({ chain, name }) => commitsOf(join(dir, 'tables', name)).some(({ position }) => position >= chain.nextOffset)),
      Boolean,
      100_000,
    );
  await untilCommitted();

  const rounds = async (count: number, goOn: () => Promise<boolean> | boolean) => {
    const from = chains.map(({ seq }) => seq);
    let done = 0;
    for (; done < count && (await goOn()); done++) {
      for (const chain of chains) await chain.data([`{"id":${chain.nextOffset},"text":"more"}`]);
      await sleep(roundMs);
    }
    await untilCommitted();
    const late = chains.flatMap((chain, index) => {
      const entries = Array.from({ length: Number(chain.seq - (from[index] ?? 0n)) }, (_, n) => (from[index] ?? 0n) + BigInt(n));
      return entries.flatMap((seq) => {
        const { endOffset, at } = entryAt(join(dir, 'raw'), chain, seq);
        return small
          .filter((one) => one.chain === chain)
          .map(
            ({ name }) =>
              Math.min(...commitsOf(join(dir, 'tables', name)).flatMap((commit) => (commit.position >= endOffset ? [commit.at] : []))) - at,
          );
      });
    });
    return { done, p95: percentile(late, 0.95), count: late.length };
  };
  const quiet = await rounds(quietRounds, () => true);
  await createDataset(services.metastoreUrl, { name: huge.topic, kafkaTopic: huge.topic });
  const hugePosition = async () => (await readTable(tables, huge.topic))?.ledger.partitions[0]?.position ?? 0n;
  await sleep(1_000);
  const busy = await rounds(busyRounds, async () => (await hugePosition()) < huge.nextOffset);
  console.info(
    `freshness p95 of small datasets: ${Math.round(quiet.p95)} ms alone, ${Math.round(busy.p95)} ms beside the huge one (${busy.count} commits)`,
  );
  expect(busy.done, 'the backlog ended too soon to tell').toBeGreaterThanOrEqual(2);
  expect(busy.p95).toBeLessThanOrEqual(timesMax * quiet.p95 + floorMs);
  await waitFor('the huge one gets through too', hugePosition, (position) => position === huge.nextOffset, 100_000);
});

/** Commits of a table with the position of its one partition, and when they appeared. */
function commitsOf(table: string): { position: bigint; at: number }[] {
  let names: string[];
  try {
    names = readdirSync(join(table, '_delta_log')).filter((name) => /^\d{20}\.json$/.test(name));
  } catch {
    return [];
  }
  return names.map((name) => {
    const path = join(table, '_delta_log', name);
    const position = /"txn":\{"appId":"millrace\/[^"]+\/0","version":(\d+)/.exec(readFileSync(path, 'utf8'))?.[1] ?? '0';
    return { position: BigInt(position), at: statSync(path).mtimeMs };
  });
}

function entryAt(raw: string, { topic, topicId: id, partition }: HandChain, seq: bigint): { endOffset: bigint; at: number } {
  const path = join(raw, chainPrefix(topic, { topicId: id, partition }), `${seq.toString().padStart(20, '0')}.json`);
  const { endOffset } = JSON.parse(readFileSync(path, 'utf8')) as { endOffset: string };
  return { endOffset: BigInt(endOffset), at: statSync(path).mtimeMs };
}

function percentile(values: number[], share: number): number {
  return values.sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;
}
