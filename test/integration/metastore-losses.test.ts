import { dataLossSuspected } from '@millrace/core/domain/losses.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { uniqueName } from '../support/stack.ts';
import { landing, type MetastoreUnderTest, metastoreUnderTest, orders, topicId } from './metastore-harness.ts';

let metastore: MetastoreUnderTest;
beforeAll(async () => {
  metastore = await metastoreUnderTest();
});
afterAll(async () => metastore?.stop());

const loss = { code: dataLossSuspected, kind: 'retention', startOffset: 100n, endOffset: 110n } as const;
const stopped = (topic: string, endOffset = 110n) =>
  landing(topic, {
    partitions: [
      {
        topicId,
        partition: 0,
        landed: 100n,
        end: 120n,
        epoch: 1n,
        chainStart: 0n,
        state: 'STOPPED',
        reason: 'gone',
        loss: { ...loss, endOffset },
      },
    ],
  });
const body = { partition: 0, startOffset: '100', endOffset: '110', reason: 'moths' };

test('a loss is told to the audit once, accepted once, refused with the right range, and reaches workers in the dataset', async () => {
  const { client, call } = metastore;
  const topic = uniqueName('lost');
  const { name } = await client.createDataset(orders({ kafkaTopic: topic }));
  await client.reportLanding(stopped(topic));
  await client.reportLanding(stopped(topic));
  const path = `/v1/datasets/${name}/gaps`;
  expect((await call('GET', path)).json).toMatchObject({
    suspected: [{ partition: 0, startOffset: '100', endOffset: '110' }],
    accepted: [],
  });

  const wrong = await call('POST', path, { ...body, endOffset: '109' });
  expect(wrong).toMatchObject({
    status: 409,
    json: { type: 'urn:millrace:problem:other-range-suspected', detail: expect.stringContaining('[100, 110), not [100, 109)') },
  });
  expect(wrong.headers.get('content-type')).toContain('application/problem+json');
  expect(await call('POST', path, { ...body, partition: 4 })).toMatchObject({
    status: 409,
    json: { type: 'urn:millrace:problem:no-loss-suspected' },
  });
  expect(await call('POST', path, { ...body, startOffset: 100, reason: '' })).toMatchObject({ status: 400, json: { errors: [{}, {}] } });
  expect((await call('POST', '/v1/datasets/nobody/gaps', body)).status).toBe(404);

  const key = { 'idempotency-key': uniqueName('key') };
  const first = await call('POST', path, body, key);
  expect(first).toMatchObject({ status: 201, json: { kind: 'gap', topicId, loss: 'retention', startOffset: '100', reason: 'moths' } });
  const again = await call('POST', path, body, key);
  expect(again).toMatchObject({ status: 201, json: first.json });
  expect(again.headers.get('idempotent-replayed')).toBe('true');
  expect((await call('POST', path, { ...body, reason: 'other' }, key)).status).toBe(422);
  expect(await call('POST', path, body)).toMatchObject({ status: 200, json: { id: first.json.id } });

  const dataset = (await client.datasets()).find((one) => one.name === name);
  expect(dataset).toMatchObject({ version: 2, acceptances: [{ id: first.json.id, partition: 0 }] });
  await client.reportLanding(
    landing(topic, {
      partitions: stopped(topic).partitions.map(({ loss: _loss, ...one }) => ({ ...one, landed: 110n, state: 'RUNNING' as const })),
    }),
  );
  expect(await client.gaps(name)).toMatchObject({ suspected: [], accepted: [{ done: true }] });
  // a key is remembered, whatever has become of the loss
  expect(await call('POST', path, body, key)).toMatchObject({ status: 201, json: { id: first.json.id } });
  expect((await call('POST', path, body)).status).toBe(409);

  const actions = (await client.audit({ dataset: name })).map(({ action }) => action);
  expect(actions).toEqual(['create', 'data_loss_suspected', 'accept_gap']);
});

test('another cluster: the found one only', async () => {
  const { client, call } = metastore;
  const topic = uniqueName('swapped');
  const { name } = await client.createDataset(orders({ kafkaTopic: topic }));
  await client.reportLanding(landing(topic, { partitions: [], clusterChange: { known: ['old'], found: 'new' } }));
  expect(await client.status(name)).toMatchObject({ state: 'BLOCKED', clusterChange: { known: ['old'], found: 'new' } });
  const path = `/v1/datasets/${name}/clusters`;
  expect(await call('POST', path, { clusterId: 'old', reason: 'r' })).toMatchObject({
    status: 409,
    json: { detail: expect.stringContaining('of cluster new, not old') },
  });
  expect(await call('POST', path, { clusterId: 'new', reason: 'r' })).toMatchObject({ status: 201 });
  await client.reportLanding(landing(topic));
  expect(await client.clusters(name)).toMatchObject({ change: null, accepted: [{ clusterId: 'new' }] });
  expect((await client.audit({ dataset: name })).map(({ action, who }) => [action, action === 'cluster_changed' ? who : null])).toEqual([
    ['create', null],
    ['cluster_changed', 'phase1-test'],
    ['accept_cluster', null],
  ]);
});

test('the audit has pages, and nobody can change it', async () => {
  const { call, database } = metastore;
  const first = await call('GET', '/v1/audit?limit=2');
  expect(first.json).toHaveLength(2);
  const next = /<([^>]+)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
  const second = (await call('GET', next)).json as unknown as { id: string }[];
  expect(Number(second[0]?.id)).toBeGreaterThan(Number((first.json as unknown as { id: string }[])[1]?.id));
  expect((await call('GET', '/v1/audit?limit=0')).status).toBe(400);
  for (const statement of ["update audit set remote = 'x'", 'delete from audit', 'truncate audit'])
    await expect(database.query(statement)).rejects.toThrow(/append-only/);
});
