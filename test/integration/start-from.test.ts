import { pathToFileURL } from 'node:url';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { expect, test } from 'vitest';
import { readTable } from '../../services/phase2-transformer/test/loop/read-table.ts';
import { createDataset, type DatasetStatus, datasetStatus, startServices, waitFor } from '../support/services.ts';
import { freshDirectory, freshTopic, uniqueName } from '../support/stack.ts';
import { produce } from './phase1-harness.ts';

test('earliest and latest registered together on a topic with records: one table has them all, the other what came after', async () => {
  const topic = await freshTopic({ partitions: 2 });
  await produce(topic, 2, 0, 100);
  const dir = pathToFileURL(freshDirectory('lake')).href;
  const services = await startServices({ rawUrl: `${dir}/raw`, tablesUrl: `${dir}/tables` });
  const tables = openObjectStore(`${dir}/tables`);
  try {
    const [all, later] = [uniqueName('all'), uniqueName('later')];
    const committedIs = (sum: bigint) => (found: DatasetStatus) =>
      found.partitions.length === 2 && found.partitions.reduce((total, { committed }) => total + BigInt(committed), 0n) === sum;
    const waitCommitted = (name: string, sum: bigint) =>
      waitFor(`${name} committed ${sum}`, () => datasetStatus(services.metastoreUrl, name), committedIs(sum), 40_000);
    await createDataset(services.metastoreUrl, { name: all, kafkaTopic: topic });
    await createDataset(services.metastoreUrl, { name: later, kafkaTopic: topic, startFrom: 'latest' });
    await waitCommitted(all, 100n);
    const begun = await waitCommitted(later, 100n);
    expect(begun.reason).toMatch(/by startFrom latest these landed records are not in the table: .*\[0, 50\).*\[0, 50\)/);
    await produce(topic, 2, 100, 50);
    await waitCommitted(all, 150n);
    await waitCommitted(later, 150n);
    const rowsOf = async (name: string) =>
      (await readTable(tables, name))?.ledger.partitions.map(({ startOffset, position, committed }) => [startOffset, position, committed]);
    expect(await rowsOf(all)).toEqual(Array(2).fill([0n, 75n, 75n]));
    expect(await rowsOf(later)).toEqual(Array(2).fill([50n, 75n, 25n]));
  } finally {
    await tables.close();
    await services.stop();
  }
});
