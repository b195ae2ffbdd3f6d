import type { Dataset } from '@millrace/core/domain/dataset.ts';
import type { SchemaVersionRecord } from '@millrace/core/domain/reports.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uniqueName } from '../support/stack.ts';
import { landing, type MetastoreUnderTest, metastoreUnderTest, orders, table, topicId } from './metastore-harness.ts';

let under: MetastoreUnderTest;
let client: MetastoreUnderTest['client'];
let call: MetastoreUnderTest['call'];
beforeAll(async () => {
  under = await metastoreUnderTest();
  ({ client, call } = under);
});
afterAll(() => under?.stop());

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
