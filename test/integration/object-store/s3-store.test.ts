import { randomUUID } from 'node:crypto';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import type { S3Connection } from '@millrace/core/adapters/s3/s3-client.ts';
import { systemClock } from '@millrace/core/adapters/system/clock.ts';
import { systemRandom } from '@millrace/core/adapters/system/random.ts';
import { commitObject } from '@millrace/core/stores/commit-object.ts';
import { probeStore } from '@millrace/core/stores/probe-store.ts';
import { objectStoreContract } from '@millrace/core/testing/object-store-contract.ts';
import { expect, test } from 'vitest';
import { startHttpProxy } from '../../faults/proxy/http-proxy.ts';
import { type Fault, kindOf } from '../../faults/proxy/rules.ts';

const { TEST_S3_ENDPOINT: endpoint = '', TEST_S3_ACCESS_KEY: accessKeyId = '', TEST_S3_SECRET_KEY: secretAccessKey = '' } = process.env;
const connection: S3Connection = { endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } };
const utf8 = new TextEncoder();
const status = (status: number): Fault => ({ do: 'answer', status });

async function freshBucket(): Promise<string> {
  const bucket = `store-${randomUUID()}`;
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return bucket;
}

objectStoreContract('s3', async () => {
  const url = `s3://${await freshBucket()}/some prefix/of=ours`;
  return { store: openObjectStore(url, connection), second: openObjectStore(url, connection) };
});

objectStoreContract('s3 without a prefix', async () => {
  const url = `s3://${await freshBucket()}`;
  return { store: openObjectStore(url, connection), second: openObjectStore(url, connection) };
});

test('the probe passes on the S3 server and leaves nothing', async () => {
  const store = openObjectStore(`s3://${await freshBucket()}/p`, connection);
  expect(await probeStore(store, { clock: systemClock, random: systemRandom })).toMatchObject({ mayDelete: true, leftBehind: 0 });
  expect(await store.list('')).toEqual([]);
});

test('a missing bucket, wrong keys and a dead address say what to do', async () => {
  const bucket = await freshBucket();
  const first = (url: string, changed: Partial<S3Connection>) =>
    openObjectStore(url, { ...connection, ...changed }).putIfAbsent('k', utf8.encode('x'));
  await expect(first('s3://there-is-no-such-bucket/x', {})).rejects.toMatchObject({
    kind: 'invalid',
    code: 'bucket_missing',
    message: expect.stringContaining('create it'),
  });
  await expect(openObjectStore('s3://there-is-no-such-bucket/x', connection).get('k')).rejects.toMatchObject({
    kind: 'invalid',
    code: 'bucket_missing',
  });
  await expect(openObjectStore('s3://there-is-no-such-bucket/x', connection).head('k')).rejects.toMatchObject({ code: 'bucket_missing' });
  await expect(
    openObjectStore(`s3://${bucket}`, { ...connection, credentials: { accessKeyId: 'nobody', secretAccessKey } }).get('k'),
  ).rejects.toMatchObject({ code: 'bad_credentials' });
  await expect(first(`s3://${bucket}`, { credentials: { accessKeyId, secretAccessKey: 'wrong' } })).rejects.toMatchObject({
    kind: 'invalid',
    code: 'bad_credentials',
    message: expect.stringContaining('AWS_SECRET_ACCESS_KEY'),
  });
  await expect(first(`s3://${bucket}`, { credentials: { accessKeyId: 'nobody', secretAccessKey } })).rejects.toMatchObject({
    kind: 'invalid',
    code: 'bad_credentials',
    message: expect.stringContaining('AWS_ACCESS_KEY_ID'),
  });
  await expect(first(`s3://${bucket}`, { endpoint: 'http://127.0.0.1:9' })).rejects.toMatchObject({
    kind: 'unavailable',
    message: expect.stringContaining('127.0.0.1:9'),
    fields: { outcome: 'not_applied' },
  });
});

test('an answer lost after the server stored, or of a second delivery, is settled as ours; a request lost before is repeated; 409 and 503 are repeated', async () => {
  const bucket = await freshBucket();
  const proxy = await startHttpProxy({ target: endpoint });
  const store = openObjectStore(`s3://${bucket}/c`, { ...connection, endpoint: proxy.url });
  try {
    let n = 0;
    // with what is told of each: whether an answer was lost that may have been a win
    const faults: [Fault, { wasUnknown?: true }][] = [
      [{ do: 'swallow' }, { wasUnknown: true }],
      [{ do: 'reset' }, { wasUnknown: true }],
      [{ do: 'duplicate', tell: 'second' }, { wasUnknown: true }],
      [status(409), {}],
      [status(503), { wasUnknown: true }],
      [status(500), { wasUnknown: true }],
    ];
    for (const [fault, told] of faults) {
      const key = `commit/${n++}.json`;
      const body = utf8.encode(`{"attemptId":"${kindOf(fault)}"}`);
      const rule = proxy.next(fault);
      const ending = await commitObject(store, key, body, (stored) => Buffer.compare(stored, body) === 0, {
        clock: systemClock,
        random: systemRandom,
        deadlineMs: 20_000,
      });
      expect([fault, ending]).toEqual([fault, { status: 'committed', ...told }]);
      expect(proxy.struck(rule)).toBe(1);
      expect(await store.get(key)).toEqual(body);
    }
    proxy.next({ do: 'swallow' });
    await expect(store.putIfAbsent('bare', utf8.encode('bare'))).rejects.toMatchObject({
      kind: 'unavailable',
      fields: { outcome: 'unknown' },
    });
    proxy.next(status(503));
    expect(await store.get('bare')).toEqual(utf8.encode('bare'));
    proxy.next({ do: 'cut', side: 'answer' });
    expect(await store.get('bare')).toEqual(utf8.encode('bare'));
    // the answer that there is nothing breaks off: neither nothing nor a refusal
    proxy.next({ do: 'cut', side: 'answer' });
    expect(await store.get('not-there')).toBeUndefined();
    proxy.next({ do: 'hang', side: 'answer' });
    const stopped = store.get('bare', { signal: AbortSignal.timeout(300) });
    await expect(stopped).rejects.toMatchObject({ kind: 'unavailable' });
    for (const [refusal, code] of [
      [501, 'condition_unsupported'],
      [400, 'refused'],
      [403, 'no_permission'],
    ] as const) {
      proxy.next(status(refusal));
      await expect(store.putIfAbsent('refused', utf8.encode('x'))).rejects.toMatchObject({ kind: 'invalid', code });
    }
  } finally {
    await store.close();
    await proxy.close();
  }
});
