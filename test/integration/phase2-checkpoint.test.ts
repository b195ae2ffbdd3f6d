import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { deltaCommitKey } from '@millrace/core/domain/keys.ts';
import { scopedStore } from '@millrace/core/stores/scoped-store.ts';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkpointInThread } from '../../services/phase2-transformer/src/checkpoint-in-thread.ts';
import { HandChain } from '../../services/phase2-transformer/test/loop/hand-chain.ts';
import { eventually, HandMetastore, startTransformer } from '../../services/phase2-transformer/test/loop/harness.ts';
import { readTable } from '../../services/phase2-transformer/test/loop/read-table.ts';
import { deltaRs, duckdb } from '../interop/engines.ts';
import { runPython } from '../support/python.ts';
import { freshBucket, freshDirectory, s3Env } from '../support/stack.ts';

const topicId = 'topicAAAAAAAAAAAAAAAAA';
const commits = 5;

describe.each([
  { on: 'files', engines: [deltaRs, duckdb], makeUrl: () => pathToFileURL(freshDirectory('lake')).href },
  { on: 'S3', engines: [deltaRs], makeUrl: () => freshBucket().url },
])('a checkpoint on $on', ({ engines, makeUrl }) => {
  let url: string;
  const open = (folder: string) => openObjectStore(`${url}/${folder}`, { forcePathStyle: true });

  beforeAll(() => {
    Object.assign(process.env, s3Env());
    url = makeUrl();
  });

  it('stands for the commits before it: with those gone, other engines and we ourselves read every row, and work goes on', async () => {
    const raw = open('raw');
    const tables = open('tables');
    const metastore = new HandMetastore();
    const { id } = metastore.register({ name: 'orders', kafkaTopic: 'orders', partitionKeys: ['date'] });
    const chain = new HandChain(raw, 'orders', topicId, 0);
    await chain.claim();
    const land = (from: number) =>
      chain.data(Array.from({ length: 20 }, (_, i) => `{"id":${from + i},"date":${i % 4 === 0 ? null : `"2026 01/${i % 3}"`}}`));
    const committed = (rows: bigint) => eventually(`${rows} rows`, () => metastore.reports.get(id)?.partitions[0]?.committed === rows);
    const first = startTransformer({ raw, tables, metastore });
    for (let commit = 0; commit < commits; commit++) {
      await land(20 * commit);
      await committed(BigInt(20 * (commit + 1)));
    }
    await first.stop();
    await checkpointInThread({ tablesUrl: `${url}/tables`, forcePathStyle: true, dataset: 'orders' });
    const table = scopedStore(tables, 'orders');
    const version = (await readTable(tables, 'orders'))?.state.version ?? 0n;
    // the newest commit stays, as every clean-up leaves it
    for (let gone = 0n; gone < version; gone++) await table.delete(deltaCommitKey(gone));
    expect((await readTable(tables, 'orders'))?.ledger.partitions[0]?.committed).toBe(100n);
    await readWith(100);

    const second = startTransformer({ raw, tables, metastore });
    await land(100);
    await committed(120n);
    await second.stop();
    await readWith(120);
    await raw.close();
    await tables.close();
  });

  async function readWith(rows: number): Promise<void> {
    for (const engine of engines) {
      const out = join(freshDirectory('read'), 'rows.tsv');
      const { stdout } = await runPython(`interop/${engine.script}`, ['--url', `${url}/tables/orders`, '--out', out]);
      expect(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ count: rows });
    }
  }
});
