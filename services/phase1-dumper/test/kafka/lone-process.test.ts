import { expect, onTestFinished, test } from 'vitest';
import { LoneProcess } from '../../src/kafka/lone-process.ts';

test('a lone reader that cannot be started is not one that died over a record', async () => {
  const { execPath } = process;
  onTestFinished(() => {
    process.execPath = execPath;
  });
  process.execPath = '/nowhere/node';
  const order = { brokers: 'localhost:1', properties: {}, clientId: 'alone', rawUrl: 'file:///nowhere', forcePathStyle: true };
  const reader = new LoneProcess({ ...order, topic: 'orders', partition: 0, offset: 0n, leaderEpoch: null, epoch: 1n });
  await expect(reader.read({ recordsMax: 1, readBytes: 1 }, new AbortController().signal)).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'lone_reader_not_started',
  });
  reader.close();
});
