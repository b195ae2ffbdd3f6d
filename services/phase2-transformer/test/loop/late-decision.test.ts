import { describe, expect, it } from 'vitest';
import type { BatchCompute } from '../../src/workers/batch-worker-port.ts';
import { HandChain } from './hand-chain.ts';
import { eventually, HandMetastore, startTransformer } from './harness.ts';
import { freshLake, sharedCompute } from './lake.ts';

const compute = sharedCompute();
const topicId = 'topicAAAAAAAAAAAAAAAAA';

/** A metastore that counts how often it was asked: after two more questions a worker has taken in what changed before them. */
class AskedMetastore extends HandMetastore {
  asked = 0;
  override async datasets() {
    this.asked++;
    return super.datasets();
  }
  async takenIn(): Promise<void> {
    const before = this.asked;
    await eventually('the worker asks twice', () => this.asked >= before + 2);
  }
}

/** One topic, one dataset, and a worker whose evaluations can be held. */
async function world() {
  const { raw, tables } = freshLake();
  const metastore = new AskedMetastore();
  const { id } = metastore.register({ name: 'orders', kafkaTopic: 'orders' });
  let held: Promise<void> | undefined;
  let evaluating = 0;
  const slow: BatchCompute = {
    build: async (input, signal) => {
      evaluating++;
      const output = await compute.build(input, signal);
      await held;
      return output;
    },
    close: async () => {},
  };
  const chain = new HandChain(raw, 'orders', topicId, 0);
  await chain.claim();
  const running = startTransformer({ raw, tables, metastore, compute: slow });
  const report = () => metastore.reports.get(id);
  return {
    running,
    chain,
    metastore,
    state: (state: string) => eventually(`is ${state}`, () => (report()?.state === state ? report() : undefined)),
    committed: (rows: bigint) => eventually(`${rows} rows`, () => report()?.partitions[0]?.committed === rows),
    /** Holds the next evaluation at its end, lets `meanwhile` happen to the dataset, and waits until the worker knows of it. */
    async during(begin: () => unknown, meanwhile: () => void) {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      const before = evaluating;
      await begin();
      await eventually('the batch is being evaluated', () => evaluating > before);
      meanwhile();
      await metastore.takenIn();
      held = undefined;
      resolve();
    },
  };
}

describe('what a person decides while a batch is being evaluated', () => {
  it('R7 holds for that batch: it is evaluated once more, under the decision', async () => {
    const w = await world();
    await w.chain.data(['{"id":0}']);
    await w.committed(1n);
    await w.chain.data(['{"id":"one"}', '{"id":2}']);
    const { block } = await w.state('BLOCKED');
    const ranges = { [`${topicId}/0`]: { startOffset: '1', endOffset: '3' } };
    const decision = {
      id: 'd',
      breaking: 'quarantine' as const,
      changes: block?.changes ?? [],
      ranges,
      decidedAt: new Date().toISOString(),
    };
    await w.during(
      () => w.metastore.change('orders', { resumeCount: 1 }),
      () => w.metastore.change('orders', { resumeCount: 2, decisions: [decision] }),
    );
    await w.committed(2n);
    await w.state('RUNNING');
    expect(w.metastore.schemas.get('orders/2')).toMatchObject({ state: 'SUPERSEDED' });
    await w.running.stop();
  });

  it('R8 a resume that came before the flood was found out waives the check', async () => {
    const w = await world();
    await w.during(
      () => w.chain.data(['{"id":1}', ...Array.from({ length: 10_000 }, () => '0')]),
      () => w.metastore.change('orders', { resumeCount: 1 }),
    );
    await w.committed(1n);
    await w.running.stop();
  });
});
