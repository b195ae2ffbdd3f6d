import { describe, expect, it } from 'vitest';
import { HandChain } from './hand-chain.ts';
import { eventually, HandMetastore, startTransformer } from './harness.ts';
import { freshLake, sharedCompute } from './lake.ts';

const compute = sharedCompute();

describe('datasets while a store gives no answer', () => {
  it('are FAILED and say why, and run again by themselves', async () => {
    const { raw, tables } = freshLake();
    const metastore = new HandMetastore();
    const running = metastore.register({ name: 'orders', kafkaTopic: 'orders' });
    const paused = metastore.register({ name: 'asleep', kafkaTopic: 'orders', paused: true });
    const stateOf = ({ id }: { id: string }) => metastore.reports.get(id)?.state;
    const chain = new HandChain(raw, 'orders', 'topicAAAAAAAAAAAAAAAAA', 0);
    await chain.claim();
    let trouble: string | null = null;
    const transformer = startTransformer({ raw, tables, metastore, compute, storeTrouble: () => trouble });
    await eventually('it runs', () => stateOf(running) === 'RUNNING' && stateOf(paused) === 'PAUSED');
    trouble = 'raw: no answer';
    await eventually('it says so', () => stateOf(running) === 'FAILED');
    expect(metastore.reports.get(running.id)?.reason).toBe('raw: no answer');
    expect(stateOf(paused)).toBe('PAUSED');
    trouble = null;
    await eventually('it runs again', () => stateOf(running) === 'RUNNING');
    await transformer.stop();
  });
});
