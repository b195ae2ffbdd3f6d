import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HandChain } from './hand-chain.ts';
import { eventually, HandMetastore, startTransformer } from './harness.ts';
import { freshLake, sharedCompute } from './lake.ts';
import { readTable } from './read-table.ts';

const compute = sharedCompute();

describe('a table whose folder is removed under a running worker', () => {
  it('waits for a person, who may have it made anew from raw', async () => {
    const { folder, raw, tables } = freshLake();
    const metastore = new HandMetastore();
    const { id } = metastore.register({ name: 'orders', kafkaTopic: 'orders' });
    const report = () => metastore.reports.get(id);
    const chain = new HandChain(raw, 'orders', 'topicAAAAAAAAAAAAAAAAA', 0);
    await chain.claim();
    await chain.data(['{"id":1}', '{"id":2}']);
    const running = startTransformer({ raw, tables, metastore, compute });
    await eventually('the table is there', () => report()?.tableVersion === 0n);
    await rm(join(folder, 'tables', 'orders'), { recursive: true });
    await chain.data(['{"id":3}']);
    const blocked = await eventually('it is blocked', () => (report()?.state === 'BLOCKED' ? report() : undefined));
    expect(blocked.reason).toContain('the table was at version 0 and its log is gone');
    expect(await tables.list('orders/_delta_log/')).toEqual([]);
    metastore.change('orders', { resumeCount: 1 });
    await eventually('it is made anew', () => report()?.state === 'RUNNING' && report()?.partitions[0]?.committed === 3n);
    await running.stop();
    expect((await readTable(tables, 'orders'))?.ledger.partitions).toMatchObject([{ startOffset: 0n, position: 3n, committed: 3n }]);
  });
});
