import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uniqueName } from '../support/stack.ts';
import { type MetastoreUnderTest, metastoreUnderTest, orders } from './metastore-harness.ts';

let under: MetastoreUnderTest;
let service: MetastoreUnderTest['service'];
let client: MetastoreUnderTest['client'];
let database: MetastoreUnderTest['database'];
let call: MetastoreUnderTest['call'];
beforeAll(async () => {
  under = await metastoreUnderTest();
  ({ service, client, database, call } = under);
});
afterAll(() => under?.stop());

describe('a dataset', () => {
  it.each(['/v1/datasets', '/datasets'])('is made by POST %s and found under both names', async (path) => {
    const input = orders();
    const made = await call('POST', path, input);
    expect(made.status).toBe(201);
    expect(made.headers.get('location')).toBe(`/v1/datasets/${input.name}`);
    expect(made.json).toMatchObject({ ...input, format: 'delta', startFrom: 'earliest', version: 1, state: 'WAITING_FOR_TOPIC' });
    expect(made.json.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
    expect(Date.parse(String(made.json.createdAt))).toBeGreaterThan(Date.now() - 60_000);
    for (const base of ['/v1/datasets', '/datasets']) expect((await call('GET', `${base}/${input.name}`)).json).toEqual(made.json);
    expect((await call('POST', path, input)).status).toBe(409);
  });

  it('keeps every name there is, NUL and lone surrogates included', async () => {
    const odd = ['nul\u0000x', 'lone \ud800', '\udc00', 'ü😀', '__proto__', ' ', '"\\'];
    const input = orders({ pkFields: odd, partitionKeys: odd });
    const made = await call('POST', '/v1/datasets', input);
    expect(made).toMatchObject({ status: 201, json: { pkFields: odd, partitionKeys: odd } });
    expect((await client.dataset(input.name)).pkFields).toEqual(odd);
    expect((await client.datasets()).find((dataset) => dataset.name === input.name)?.partitionKeys).toEqual(odd);
  });

  it('is refused with a problem for each error', async () => {
    const refused = await call('POST', '/datasets', { name: 'NO', mode: 'sometimes', partitionKeys: 'date', extra: 1 });
    expect(refused.status).toBe(400);
    expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(refused.json).toMatchObject({
      status: 400,
      title: expect.any(String),
      type: expect.stringMatching(/^urn:/),
      detail: expect.any(String),
    });
    expect(refused.json.errors?.map((error) => error.pointer)).toEqual(['#/name', '#/kafkaTopic', '#/mode', '#/partitionKeys', '#/extra']);
  });

  it.each([
    ['half a text', '{"name":', 400, {}],
    ['bytes that are not UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 400, {}],
    ['nothing', undefined, 400, {}],
    ['a form', 'name=a', 415, { 'content-type': 'application/x-www-form-urlencoded' }],
    ['an unknown encoding', '{}', 415, { 'content-encoding': 'zip' }],
    ['two megabytes', `{"name":"${'x'.repeat(2 ** 21)}"}`, 413, {}],
  ] as const)('is refused with a problem when it is %s', async (_what, body, status, headers) => {
    const refused = await call('POST', '/v1/datasets', body, headers);
    expect(refused).toMatchObject({ status, json: { status } });
    expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });

  it.each([
    { mode: 'upsert' },
    { transforms: ['x.ts'] },
    { transformJars: ['x.jar'] },
    { format: 'iceberg' },
    { partitionKeys: ['day(created)'] },
  ])('is not treated as something else: %j is 422', async (changes) => {
    const input = orders(changes);
    expect(await call('POST', '/v1/datasets', input)).toMatchObject({ status: 422, json: { title: 'Not yet' } });
    expect((await call('GET', `/v1/datasets/${input.name}`)).status).toBe(404);
  });

  it('may share its topic with another', async () => {
    const topic = uniqueName('topic');
    for (let i = 0; i < 2; i++) expect((await call('POST', '/v1/datasets', orders({ kafkaTopic: topic }))).status).toBe(201);
  });

  it('is made once under one Idempotency-Key, also by requests at the same time', async () => {
    const input = orders();
    const key = { 'idempotency-key': uniqueName('key') };
    const replies = await Promise.all(Array.from({ length: 5 }, () => call('POST', '/v1/datasets', input, key)));
    expect(replies.map((reply) => reply.status)).toEqual(Array(5).fill(201));
    expect(new Set(replies.map((reply) => reply.json.id)).size).toBe(1);
    expect(replies.filter((reply) => reply.headers.get('idempotent-replayed') === null)).toHaveLength(1);
    expect((await call('POST', '/v1/datasets', orders(), key)).status).toBe(422);
  });

  it('is made by one of many requests at the same time', async () => {
    const input = orders();
    const replies = await Promise.all(Array.from({ length: 8 }, () => call('POST', '/v1/datasets', input)));
    expect(replies.map((reply) => reply.status).sort()).toEqual([201, ...Array(7).fill(409)]);
  });

  it('leaves its row and frees its name when it is deleted', async () => {
    const input = orders();
    const first = await client.createDataset(input);
    expect(await call('DELETE', `/datasets/${input.name}`)).toMatchObject({ status: 204, json: {} });
    for (const path of ['', '/status', '/reconciliation', '/schemas'])
      expect((await call('GET', `/v1/datasets/${input.name}${path}`)).status).toBe(404);
    expect((await call('DELETE', `/v1/datasets/${input.name}`)).status).toBe(404);
    const second = await client.createDataset(input);
    expect(second.id).not.toBe(first.id);
    const rows = await database.query('select id, deleted_at is not null as deleted from datasets where name = $1 order by created_at', [
      input.name,
    ]);
    expect(rows.rows).toEqual([
      { id: first.id, deleted: true },
      { id: second.id, deleted: false },
    ]);
  });

  it('raises its version with every pause and resume, and honours If-Match', async () => {
    const input = orders();
    const first = await call('POST', '/v1/datasets', input);
    const tag = String(first.headers.get('etag'));
    expect((await call('GET', `/v1/datasets/${input.name}`)).headers.get('etag')).toBe(tag);
    expect((await call('PUT', `/v1/datasets/${input.name}/pause`, undefined, { 'if-match': tag })).json).toMatchObject({
      version: 2,
      state: 'PAUSED',
      paused: true,
    });
    expect((await call('PUT', `/v1/datasets/${input.name}/resume`, undefined, { 'if-match': tag })).status).toBe(412);
    expect((await call('DELETE', `/v1/datasets/${input.name}`, undefined, { 'if-match': tag })).status).toBe(412);
    expect((await call('PUT', `/v1/datasets/${input.name}/pause`)).json).toMatchObject({ version: 2 });
    const resumed = await call('PUT', `/v1/datasets/${input.name}/resume`);
    expect(resumed).toMatchObject({ status: 202, json: { version: 3, state: 'WAITING_FOR_TOPIC', paused: false, resumeCount: 1 } });
    expect(
      (await call('DELETE', `/v1/datasets/${input.name}`, undefined, { 'if-match': String(resumed.headers.get('etag')) })).status,
    ).toBe(204);
    const audit = await database.query('select action, version from audit where dataset = $1 order by id', [input.name]);
    expect(audit.rows).toEqual([
      { action: 'create', version: 1 },
      { action: 'pause', version: 2 },
      { action: 'resume', version: 3 },
      { action: 'delete', version: 3 },
    ]);
  });

  it('is listed by name, page by page', async () => {
    const names = [uniqueName('page'), uniqueName('page'), uniqueName('page')].sort();
    for (const name of names) await client.createDataset(orders({ name }));
    const found: string[] = [];
    for (let next: string | undefined = '/v1/datasets?limit=2'; next !== undefined; ) {
      const page = await fetch(service.url + next);
      found.push(...((await page.json()) as Dataset[]).map((dataset) => dataset.name));
      next = /<([^>]+)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1];
    }
    expect(found.filter((name) => name.startsWith('page'))).toEqual(names);
    expect(found).toEqual((await client.datasets()).map((dataset) => dataset.name));
    expect((await call('GET', '/v1/datasets?limit=0')).status).toBe(400);
  });
});
