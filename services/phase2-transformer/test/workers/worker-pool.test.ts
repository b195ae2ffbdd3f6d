import { afterEach, describe, expect, test } from 'vitest';
import type { BatchOutput } from '../../src/workers/batch-worker-port.ts';
import { WorkerPool, type WorkerPoolSettings, workerPoolDefaults } from '../../src/workers/worker-pool.ts';
import { batchOf, build, objectOf } from '../support/batches.ts';
import { readRows } from '../support/duckdb.ts';

const dying = new URL('./dying-worker.ts', import.meta.url);
let pool: WorkerPool | undefined;

function open(settings: Partial<WorkerPoolSettings> = {}, entry?: URL): WorkerPool {
  pool = new WorkerPool({ ...workerPoolDefaults, workers: 1, ...settings }, entry);
  return pool;
}
afterEach(() => pool?.close());

const named = (datasetName: string) => batchOf([], { datasetName });

/** What a batch became, without how long it took. */
const untimed = (output: object | undefined) => ({ ...output, times: undefined });

describe('batches in worker threads', () => {
  test('the same bytes can be built twice: deviating first, then under the new schema', async () => {
    const compute = open({ workers: 2 });
    const object = objectOf(['{"a":1,"s":{"b":"x"}}', '{"a":9007199254740993}', '1']);
    const { schema } = build(batchOf([object]));
    const first = await compute.build(batchOf([object]));
    expect(first).toMatchObject({ status: 'deviates', evidence: { fieldCount: 3 } });
    const [one, two] = (await Promise.all([
      compute.build(batchOf([object], { schema })),
      compute.build(batchOf([object], { schema })),
    ])) as Extract<BatchOutput, { status: 'built' }>[];
    expect(untimed(one)).toEqual(untimed(two));
    expect(one?.counts[0]).toMatchObject({ committed: 2, quarantined: { not_object: 1 } });
    expect(await readRows(one?.files ?? [], 'a, s')).toEqual([
      { a: '1', s: { b: 'x' } },
      { a: '9007199254740993', s: null },
    ]);
  });

  test('an error of ours keeps its kind, and the next batch works', async () => {
    const compute = open();
    await expect(compute.build(batchOf([], { partitionKeys: ['day(x)'] }))).rejects.toMatchObject({
      kind: 'invalid',
      code: 'partition_key_invalid',
    });
    expect(await compute.build(batchOf([]))).toMatchObject({ status: 'deviates' });
  });
});

describe('threads that die', () => {
  test.each([
    ['exit', 'it exited with code 3', false],
    ['throw', 'out of nowhere', false],
    ['heap', '', true],
  ])('%s is told, and the next batch gets a fresh thread', async (name, words, outOfMemory) => {
    const compute = open({ heapMiBMax: 64 }, dying);
    await expect(compute.build(named(name))).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'batch_worker_lost',
      message: expect.stringContaining(words),
      fields: { outOfMemory },
    });
    expect(await compute.build(named('fine'))).toMatchObject({ status: 'built' });
  });

  test('an object whose records may not fit a thread runs in a process of its own, with the same result; its death is told, and the pool goes on', {
    timeout: 60_000,
  }, async () => {
    const compute = open({ heapMiBMax: 64 });
    const large = objectOf(['{"a":1}', `{"a":2,"s":"${'x'.repeat(2 ** 20)}"}`]);
    const { schema } = build(batchOf([large]));
    const built = await compute.build(batchOf([large], { schema }));
    expect(untimed(built)).toEqual(untimed(await open({ heapMiBMax: 2048 }).build(batchOf([large], { schema }))));
    const deadly = objectOf([`{"x":[${'{},'.repeat(2_000_000)}{}]}`]);
    await expect(compute.build(batchOf([deadly]))).rejects.toMatchObject({ code: 'batch_worker_lost', fields: { outOfMemory: true } });
    expect(await compute.build(batchOf([large], { schema }))).toMatchObject({ status: 'built' });
    await compute.close();
  });

  test('a batch that stalls loses its thread at the deadline', async () => {
    const compute = open({ batchDeadlineMs: 300 }, dying);
    await expect(compute.build(named('stall'))).rejects.toMatchObject({
      code: 'batch_worker_lost',
      message: expect.stringContaining('300 ms'),
    });
  });

  test('an encoder that grew is replaced after its batch', async () => {
    const compute = open({ heldBytesMax: 999 }, dying);
    expect(await compute.build(named('grown'))).toMatchObject({ status: 'built' });
    expect(await compute.build(named('fine'))).toMatchObject({ status: 'built' });
  });

  test('aborting ends a batch at once, waiting or running', async () => {
    const compute = open({}, dying);
    const running = new AbortController();
    const waiting = new AbortController();
    const first = compute.build(named('stall'), running.signal);
    const second = compute.build(named('stall'), waiting.signal);
    waiting.abort();
    await expect(second).rejects.toMatchObject({ code: 'batch_aborted' });
    const third = compute.build(named('fine'));
    running.abort();
    await expect(first).rejects.toMatchObject({ code: 'batch_aborted' });
    expect(await third).toMatchObject({ status: 'built' });
  });

  test('more batches than may wait are refused, and closing rejects what is left', async () => {
    const compute = open({ queuedBatchesMax: 1 }, dying);
    const running = compute.build(named('stall'));
    const waiting = compute.build(named('stall'));
    await expect(compute.build(named('fine'))).rejects.toMatchObject({ code: 'batch_queue_full' });
    const ends = Promise.allSettled([running, waiting]);
    await compute.close();
    expect((await ends).map((end) => end.status)).toEqual(['rejected', 'rejected']);
    await expect(compute.build(named('fine'))).rejects.toMatchObject({ code: 'batch_aborted' });
  });
});
