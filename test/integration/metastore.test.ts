import type { Dataset } from '@millrace/core/domain/dataset.ts';
import type { LandingReport, SchemaVersionRecord, TableReport } from '@millrace/core/domain/reports.ts';
import { createMetastoreClient, type MetastoreClient } from '@millrace/metastore/client/client.ts';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type MetastoreProcess, startMetastore } from '../support/metastore.ts';
import { freshDatabase, uniqueName } from '../support/stack.ts';

let databaseUrl: string;
let service: MetastoreProcess;
let client: MetastoreClient;
let database: Client;

beforeAll(async () => {
  databaseUrl = await freshDatabase();
  service = await startMetastore({ DATABASE_URL: databaseUrl });
  client = createMetastoreClient(service.url);
  await eventually('ready', async () => (await fetch(`${service.url}/readyz`)).status === 200);
  database = new Client({ connectionString: databaseUrl });
  await database.connect();
});
afterAll(async () => {
  await database?.end();
  await service?.kill();
});

type Reply = { status: number; headers: Headers; json: Record<string, unknown> & { errors?: { pointer: string }[] } };
async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Reply> {
  const text = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
  const response = await fetch(service.url + path, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(text === undefined ? {} : { body: text }),
  });
  const answer = await response.text();
  return { status: response.status, headers: response.headers, json: answer === '' ? {} : JSON.parse(answer) };
}
const orders = (changes: object = {}) => ({
  name: uniqueName('orders'),
  kafkaTopic: 'orders',
  mode: 'append',
  pkFields: ['id'],
  partitionKeys: ['date'],
  ...changes,
});

const topicId = 'tttttttttttttttttttttt';
const landing = (topic: string, changes: Partial<LandingReport> = {}): LandingReport => ({
  topic,
  worker: 'phase1-test',
  topicId,
  notices: [],
  partitions: [{ topicId, partition: 0, landed: 100n, end: 120n, epoch: 1n, chainStart: 0n, state: 'RUNNING', reason: null }],
  ...changes,
});
const table = (dataset: Dataset, changes: Partial<TableReport> = {}): TableReport => ({
  datasetId: dataset.id,
  worker: 'phase2-test',
  state: 'RUNNING',
  reason: null,
  nextAction: null,
  block: null,
  tableVersion: 3n,
  schemaVersion: 1,
  lastCommit: { version: 3n, at: new Date().toISOString(), records: 80n, attemptId: 'a' },
  committedTimestamp: Date.now() - 1_000,
  partitions: [
    {
      topic: dataset.kafkaTopic,
      topicId,
      partition: 0,
      startOffset: 0n,
      position: 80n,
      seq: 2n,
      committed: 78n,
      quarantined: { not_json: 1n },
      dropped: { tombstone: 1n },
      gaps: {},
      landed: 100n,
    },
  ],
  ...changes,
});

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

describe('what workers tell', () => {
  it('becomes the status, with exactly the promised members', async () => {
    const topic = uniqueName('topic');
    const made = await client.createDataset(orders({ kafkaTopic: topic }));
    await client.reportLanding(landing(topic));
    const report = table(made);
    await client.reportTable(report);
    const status = await call('GET', `/datasets/${made.name}/status`);
    expect(status.json).toEqual({
      name: made.name,
      state: 'RUNNING',
      reason: null,
      partitions: [{ topicId, partition: 0, landed: '100', committed: '80', end: '120', lagRecords: 40 }],
      lagSeconds: expect.closeTo(1, -1),
      lastCommit: { ...report.lastCommit, version: '3', records: '80' },
      nextAction: null,
    });
    expect((await call('GET', `/v1/datasets/${made.name}/reconciliation`)).json).toMatchObject({
      name: made.name,
      total: {
        covered: '80',
        committed: '78',
        quarantined: { not_json: '1' },
        dropped: { tombstone: '1' },
        unproven: '0',
        difference: '0',
        pending: '20',
      },
    });
  });

  it('is replaced by the newest, except by a zombie of an older epoch', async () => {
    const topic = uniqueName('topic');
    const made = await client.createDataset(orders({ kafkaTopic: topic }));
    const partition = { topicId, partition: 0, landed: 10n, end: 10n, epoch: 5n, chainStart: 0n, state: 'RUNNING' as const, reason: null };
    await client.reportLanding(landing(topic, { partitions: [partition, { ...partition, partition: 1 }] }));
    await client.reportLanding(landing(topic, { partitions: [{ ...partition, landed: 3n, epoch: 4n }] }));
    await client.reportLanding(landing(topic, { partitions: [{ ...partition, partition: 1, landed: 12n, end: 12n }] }));
    expect((await client.status(made.name)).partitions.map(({ partition: number, landed }) => [number, landed])).toEqual([
      [0, 10n],
      [1, 12n],
    ]);
  });

  it('says that the topic is missing, and then that it is there', async () => {
    const topic = uniqueName('topic');
    const made = await client.createDataset(orders({ kafkaTopic: topic }));
    await client.reportLanding(landing(topic, { topicId: null, notices: ['topic does not exist'], partitions: [] }));
    expect(await client.status(made.name)).toMatchObject({
      state: 'WAITING_FOR_TOPIC',
      reason: `topic ${topic} does not exist`,
      partitions: [],
    });
    await client.reportLanding(landing(topic));
    expect((await client.dataset(made.name)).state).toBe('RUNNING');
  });

  it('holds schema versions with any field names', async () => {
    const made = await client.createDataset(orders());
    const record = (version: number, schema: unknown): SchemaVersionRecord => ({
      version,
      kind: version === 1 ? 'INITIAL' : 'NON_BREAKING',
      state: 'ACTIVE',
      schema,
      diff: [{ path: 'a\u0000b', from: null, to: 'long', first: { topicId, partition: 0, offset: 2n ** 60n } }],
      ranges: { [`${topicId}/0`]: { startOffset: 0n, endOffset: 2n ** 60n } },
      reason: null,
      createdAt: new Date().toISOString(),
    });
    const odd = { columns: [{ name: 'nul\u0000', other: '\ud800' }], ['__proto__']: 1 };
    await client.putSchemaVersion(made, record(1, odd));
    await client.putSchemaVersion(made, record(2, { columns: [] }));
    await client.putSchemaVersion(made, { ...record(1, odd), state: 'SUPERSEDED' });
    expect(await client.schemaVersion(made.name, 1)).toEqual({ ...record(1, odd), state: 'SUPERSEDED', createdAt: expect.any(String) });
    expect((await client.schemaVersions(made.name)).map((version) => [version.version, version.state])).toEqual([
      [1, 'SUPERSEDED'],
      [2, 'ACTIVE'],
    ]);
    for (const version of ['3', '0', 'x', '99999999999'])
      expect((await call('GET', `/v1/datasets/${made.name}/schemas/${version}`)).status).toBe(404);
    for (const other of [
      { ...made, name: 'nobody' },
      { ...made, id: crypto.randomUUID() },
    ])
      await expect(client.putSchemaVersion(other, record(1, {}))).rejects.toMatchObject({ kind: 'invalid', code: 'not_found' });
    expect((await client.schemaVersion(made.name, 1)).state).toBe('SUPERSEDED');
  });

  it('is refused with pointers when it is not a report, and for datasets that do not live', async () => {
    expect((await call('PUT', '/v1/reports/table', { datasetId: 1 })).json.errors?.[0]?.pointer).toBe('#/datasetId');
    for (const id of ['nobody', '11111111-1111-4111-8111-111111111111'])
      await expect(client.reportTable(table({ id, kafkaTopic: 't' } as Dataset))).rejects.toMatchObject({
        kind: 'invalid',
        code: 'not_found',
      });
  });

  it('takes a topic of 20,000 partitions', async () => {
    const topic = uniqueName('wide');
    const made = await client.createDataset(orders({ kafkaTopic: topic }));
    const [one] = landing(topic).partitions;
    if (one === undefined) throw new Error('no partition');
    await client.reportLanding(landing(topic, { partitions: Array.from({ length: 20_000 }, (_, partition) => ({ ...one, partition })) }));
    expect((await client.status(made.name)).partitions).toHaveLength(20_000);
  });
});

describe('R7 decision on a block', () => {
  it('R7 resume with a decision stores it with the ranges of the block, once', async () => {
    const topic = uniqueName('topic');
    const made = await client.createDataset(orders({ kafkaTopic: topic }));
    await expect(client.resume(made.name, { breaking: 'quarantine' })).rejects.toMatchObject({ kind: 'conflict' });
    await client.reportLanding(landing(topic));
    const block = { schemaVersion: 2, changes: [{ path: 'amount', types: ['string'] }], firstOffsets: { [`${topicId}/0`]: 90n } };
    await client.reportTable(
      table(made, {
        state: 'BLOCKED',
        reason: 'amount was long and is string at offset 90',
        nextAction: 'resume with {"breaking":"quarantine"}',
        block,
      }),
    );
    expect(await client.status(made.name)).toMatchObject({
      state: 'BLOCKED',
      reason: 'amount was long and is string at offset 90',
      nextAction: 'resume with {"breaking":"quarantine"}',
    });

    const decided = await client.resume(made.name, { breaking: 'quarantine' });
    expect(decided).toMatchObject({
      version: 2,
      resumeCount: 1,
      decisions: [
        { breaking: 'quarantine', changes: block.changes, ranges: { [`${topicId}/0`]: { startOffset: '90', endOffset: '100' } } },
      ],
    });
    const again = await client.resume(made.name, { breaking: 'quarantine' });
    expect(again).toMatchObject({ version: 3, resumeCount: 2 });
    expect(again.decisions).toEqual(decided.decisions);
  });

  it.each([{ breaking: 'accept' }, { braking: 'quarantine' }, [], 'quarantine', null])('refuses the decision %j', async (body) => {
    const made = await client.createDataset(orders());
    expect((await call('PUT', `/v1/datasets/${made.name}/resume`, JSON.stringify(body))).status).toBe(400);
  });
});

describe('addresses', () => {
  it.each(['%00', 'UPPER', '..%2f', '%ff', 'x'.repeat(5_000)])('no dataset is named %s', async (name) => {
    const reply = await call('GET', `/v1/datasets/${name}`);
    expect(reply.status).toBe(name === '%ff' ? 400 : 404);
    expect(reply.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });

  it('tell what is possible there', async () => {
    const reply = await call('PATCH', '/datasets');
    expect(reply.status).toBe(405);
    expect(reply.headers.get('allow')).toBe('GET, POST');
    expect((await call('GET', '/v2/datasets')).status).toBe(404);
  });

  it('show health and metrics on both ports', async () => {
    for (const base of [service.url, service.adminUrl]) {
      for (const path of ['/livez', '/readyz', '/readyz?verbose', '/health', '/metrics'])
        expect((await fetch(base + path)).status).toBe(200);
      expect(await (await fetch(`${base}/metrics`)).text()).toMatch(/\nmillrace_database_up 1\n/);
    }
  });

  it('serve documents that need no network', async () => {
    for (const base of ['', '/v1']) {
      const page = await (await fetch(`${service.url}${base}/docs`)).text();
      const links = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
      expect(links).toHaveLength(4);
      for (const link of links) {
        expect(link).toMatch(/^\//);
        expect((await fetch(service.url + link)).status).toBe(200);
      }
      expect(await (await fetch(`${service.url}${base}/docs/start.js`)).text()).toContain(`url: "${base}/openapi.json"`);
    }
  });
});
