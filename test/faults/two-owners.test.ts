import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { chainEntry, encodeStored, parseStored } from '@millrace/core/domain/chain.ts';
import { chainEntryKey } from '@millrace/core/domain/keys.ts';
import { expect, test } from 'vitest';
import { epochsOf, numbersOf, produce, readLanded } from '../integration/phase1-harness.ts';
import { createDataset, type Service, waitFor, waitUntilCommitted } from '../support/services.ts';
import { freshTopic } from '../support/stack.ts';
import { metric, startStoreWorld, untilLanded, verified, withinMs, workerOf } from './store-world.ts';

/*
 * Two owners and late PUTs (behaviour 1; 9 for tables). A complete conditional PUT is held on its way while its sender dies or is replaced, and
 * arrives afterwards: either before the successor's own write, then it counts, or behind it, then it bounces. The store decides, nobody's clock.
 */

const chainPut = { method: 'PUT', conditional: true, keyPattern: '/_chain/.+/\\d{20}\\.json$' };
const commitPut = { method: 'PUT', conditional: true, keyPattern: '/_delta_log/\\d{20}\\.json$' };
const sessionTimeoutMs = 3_000;
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

test('phase 1: a late entry bounces behind the claim of the successor, and counts before it; nothing is lost, nothing doubled', {
  timeout: 4 * withinMs,
}, async () => {
  const { proxy, services, rawUrl } = await startStoreWorld({
    phase1: 2,
    phase2: 0,
    env: { MILLRACE_SESSION_TIMEOUT_MS: String(sessionTimeoutMs) },
  });
  const topic = await freshTopic({ partitions: 1 });
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
  await produce(topic, 1, 0, 10);
  await untilLanded(rawUrl, topic, 10);

  // (b) the owner stops with its entry on the way; the other one claims; then the entry arrives, and its sender wakes
  let rule = proxy.next({ do: 'hold' }, chainPut);
  await produce(topic, 1, 10, 10);
  const [late] = await proxy.held.until(withinMs, { rule });
  const lateEntry = parseStored(chainEntry, late?.body ?? Buffer.alloc(0), 'the held entry');
  const zombie = workerOf(services.phase1, lateEntry.writer);
  zombie.pause();
  const [taken] = await waitFor(
    'the other worker has claimed',
    () => readLanded(rawUrl, topic),
    ([chain]) => chain !== undefined && BigInt(epochsOf(chain).length) === lateEntry.epoch + 1n,
    withinMs,
  );
  expect(taken?.entries.find(({ seq }) => seq === lateEntry.seq)).toMatchObject({ kind: 'claim', epoch: lateEntry.epoch + 1n });
  expect(await proxy.held.release(late?.id ?? 0)).toBe(412);
  zombie.resume();
  // whichever it hears of first: that its entry lost, or that the group has given the partition away
  const gaveUp = async () =>
    (await metric(zombie, 'millrace_publications_total', 'result="fenced"')) +
    (await metric(zombie, 'millrace_dropped_buffer_records_total', 'cause="aborted"'));
  await expect.poll(gaveUp, { timeout: withinMs }).toBeGreaterThan(0);
  await produce(topic, 1, 20, 10);
  const [behind] = await untilLanded(rawUrl, topic, 30);
  expect(behind && numbersOf(behind)).toEqual(upTo(30));
  expect(behind?.entries.some(({ attemptId }) => attemptId === lateEntry.attemptId)).toBe(false);

  // (a) the owner is killed with its entry on the way; the entry arrives before anybody claims
  rule = proxy.next({ do: 'hold' }, chainPut);
  await produce(topic, 1, 30, 10);
  const [last] = await proxy.held.until(withinMs, { rule });
  const lastEntry = parseStored(chainEntry, last?.body ?? Buffer.alloc(0), 'the held entry');
  await workerOf(services.phase1, lastEntry.writer).kill();
  await proxy.held.until(withinMs, { rule, senderGone: true });
  expect(await proxy.held.release(last?.id ?? 0)).toBe(200);
  await produce(topic, 1, 40, 10);
  const [before] = await untilLanded(rawUrl, topic, 50);
  expect(before && numbersOf(before)).toEqual(upTo(50));
  const kept = before?.entries.find(({ attemptId }) => attemptId === lastEntry.attemptId);
  expect(kept?.endOffset).toBe(40n);
  const claim = before?.entries.find(({ kind, epoch }) => kind === 'claim' && epoch === lastEntry.epoch + 1n);
  expect([claim?.seq, claim?.startOffset]).toEqual([lastEntry.seq + 1n, 40n]);
});

test('phase 1: a worker fenced in the middle of a publication, which Kafka still assigns the partition to, claims again and lands all', {
  timeout: 3 * withinMs,
}, async () => {
  const { proxy, services, rawUrl } = await startStoreWorld({
    phase2: 0,
    env: { MILLRACE_SESSION_TIMEOUT_MS: String(sessionTimeoutMs) },
  });
  const topic = await freshTopic({ partitions: 1 });
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
  await produce(topic, 1, 0, 10);
  await untilLanded(rawUrl, topic, 10);
  const rule = proxy.next({ do: 'hold' }, chainPut);
  await produce(topic, 1, 10, 10);
  const [late] = await proxy.held.until(withinMs, { rule });
  const entry = parseStored(chainEntry, late?.body ?? Buffer.alloc(0), 'the held entry');
  const { seq, epoch, source, startOffset, leaderEpoch, createdAt, format } = entry;
  const claim = {
    kind: 'claim' as const,
    format,
    seq,
    epoch: epoch + 1n,
    source,
    startOffset,
    endOffset: startOffset,
    leaderEpoch,
    createdAt,
  };
  const store = openObjectStore(rawUrl, { forcePathStyle: true });
  const body = encodeStored(chainEntry, { ...claim, attemptId: 'foreign', writer: 'somebody else' });
  expect(await store.putIfAbsent(chainEntryKey(topic, source, seq), body)).toBe('created');
  expect(await proxy.held.release(late?.id ?? 0)).toBe(412);
  const [chain] = await untilLanded(rawUrl, topic, 20);
  expect(chain && numbersOf(chain)).toEqual(upTo(20));
  expect(chain && epochsOf(chain)).toEqual([1n, 2n, 3n]);
  expect(await metric(services.phase1[0] as Service, 'millrace_publications_total', 'result="fenced"')).toBe(1);
});

test('phase 2: of a held commit and the commit of another worker one wins, the other is dropped with its files; rows are there once', {
  timeout: 4 * withinMs,
}, async () => {
  const world = await startStoreWorld({
    phase2: 2,
    env: { MILLRACE_SESSION_TIMEOUT_MS: String(sessionTimeoutMs), MILLRACE_BATCH_INTERVAL_MS: '300' },
  });
  const { proxy, services, rawUrl } = world;
  const topic = await freshTopic({ partitions: 1 });
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
  let sent = 0;
  const send = async () => {
    await produce(topic, 1, sent, 10);
    sent += 10;
    return untilLanded(rawUrl, topic, sent);
  };
  const untilCommitted = async () => {
    const [chain] = await readLanded(rawUrl, topic);
    await waitUntilCommitted(services.metastoreUrl, topic, { topicId: chain?.topicId ?? '', ends: [BigInt(sent)] }, withinMs);
  };
  await send();
  await untilCommitted();
  /** The worker whose PUT was just held: Kafka gives the topic's datasets to one of them. */
  const owner = () =>
    waitFor(
      'one worker works on the dataset',
      async () => {
        const works = (worker: Service) => metric(worker, 'millrace_dataset_state', `dataset="${topic}",state="RUNNING"`);
        const running = services.phase2.filter(({ pid }) => pid !== undefined);
        const states = await Promise.all(running.map(works));
        return running.filter((_, index) => states[index] === 1);
      },
      (found) => found.length === 1,
      withinMs,
    ).then(([found]) => found as Service);

  // the worker stops with its commit on the way; the other commits; then the held one arrives, and its sender wakes
  let rule = proxy.next({ do: 'hold' }, commitPut);
  await send();
  const [late] = await proxy.held.until(withinMs, { rule });
  const zombie = await owner();
  zombie.pause();
  await untilCommitted();
  expect(await proxy.held.release(late?.id ?? 0)).toBe(412);
  zombie.resume();
  await expect.poll(() => metric(zombie, 'millrace_dropped_batches_total'), { timeout: withinMs }).toBe(1);
  await send();
  await untilCommitted();
  expect(await verified(world, topic)).toEqual([BigInt(sent)]);

  // the worker is killed with its commit on the way, which arrives before the other's
  rule = proxy.next({ do: 'hold' }, commitPut);
  await send();
  const [last] = await proxy.held.until(withinMs, { rule });
  await (await owner()).kill();
  await proxy.held.until(withinMs, { rule, senderGone: true });
  expect(await proxy.held.release(last?.id ?? 0)).toBe(200);
  await send();
  await untilCommitted();
  expect(await verified(world, topic)).toEqual([BigInt(sent)]);
});
