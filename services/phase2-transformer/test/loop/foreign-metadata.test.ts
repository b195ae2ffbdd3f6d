import { encodeCommit } from '@millrace/core/delta/actions.ts';
import { readTableState } from '@millrace/core/delta/snapshot.ts';
import { deltaCommitKey } from '@millrace/core/domain/keys.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { scopedStore } from '@millrace/core/stores/scoped-store.ts';
import { describe, expect, it } from 'vitest';
import { HandChain } from './hand-chain.ts';
import { eventually, HandMetastore, startTransformer } from './harness.ts';
import { freshLake, sharedCompute } from './lake.ts';
import { readTable } from './read-table.ts';

const compute = sharedCompute();

/** Another writer's commit that replaces the columns, as ALTER TABLE does. */
async function alter(tables: ObjectStore, change: (fields: { name: string }[]) => unknown[]): Promise<void> {
  const table = scopedStore(tables, 'orders');
  const state = await readTableState(table);
  if (state === undefined) throw new Error('no table');
  const root = JSON.parse(state.metadata.schemaString) as { fields: { name: string }[] };
  const schemaString = JSON.stringify({ ...root, fields: change(root.fields) });
  const actions = [{ commitInfo: { operation: 'DROP COLUMNS' } }, { metaData: { ...state.metadata, schemaString } }];
  await table.putIfAbsent(deltaCommitKey(state.version + 1n), encodeCommit(actions));
}

describe('a table whose columns others change', () => {
  it('blocks before anything is added to it, says what happened, still does after a restart, and goes on when it is as it was', async () => {
    const { raw, tables } = freshLake();
    const metastore = new HandMetastore();
    const { id } = metastore.register({ name: 'orders', kafkaTopic: 'orders' });
    const report = () => metastore.reports.get(id);
    const chain = new HandChain(raw, 'orders', 'topicAAAAAAAAAAAAAAAAA', 0);
    await chain.claim();
    await chain.data(['{"id":1,"note":"x"}']);
    const running = startTransformer({ raw, tables, metastore, compute });
    await eventually('the table is there', () => report()?.tableVersion === 0n);
    await alter(tables, (fields) => fields.filter(({ name }) => name !== 'note'));
    await chain.data(['{"id":2,"note":"y"}']);
    const blocked = await eventually('it is blocked', () => (report()?.state === 'BLOCKED' ? report() : undefined));
    expect(blocked.reason).toContain('changed by somebody else: column note is gone; by version 1 (DROP COLUMNS)');
    await running.stop();

    const again = startTransformer({ raw, tables, metastore, compute });
    metastore.reports.clear();
    await eventually('it is blocked after a restart', () => report()?.reason?.includes('column note is gone; by version 1 (DROP COLUMNS)'));
    const note = { name: 'note', type: 'string', nullable: true, metadata: { 'millrace.fieldId': 2 } };
    await alter(tables, ([first, ...rest]) => [first, note, ...rest]);
    metastore.change('orders', { resumeCount: 1 });
    await eventually('it goes on', () => report()?.state === 'RUNNING' && report()?.partitions[0]?.committed === 2n);
    await again.stop();
    expect((await readTable(tables, 'orders'))?.ledger.partitions).toMatchObject([{ position: 2n, committed: 2n }]);
  });
});
