import { chainEntryKey, deletedMarkerKey } from '@millrace/core/domain/keys.ts';
import { scopedStore } from '@millrace/core/stores/scoped-store.ts';
import { describe, expect, it } from 'vitest';
import { HandChain } from './hand-chain.ts';
import { eventually, HandMetastore, startTransformer } from './harness.ts';
import { freshLake, sharedCompute } from './lake.ts';
import { readTable } from './read-table.ts';

const compute = sharedCompute();
const topicId = 'topicAAAAAAAAAAAAAAAAA';
const order = (id: number, more = '') => `{"id":${id},"date":"2026-01-0${1 + (id % 3)}"${more}}`;
const orders = (count: number, from = 0) => Array.from({ length: count }, (_, i) => order(from + i));

function world() {
  const { raw, tables } = freshLake();
  const metastore = new HandMetastore();
  const chain = (topic: string, partition = 0, id = topicId, start = 0n) => new HandChain(raw, topic, id, partition, start);
  const start = (limits = {}) => startTransformer({ raw, tables, metastore, compute, limits });
  const report = (name: string) => metastore.reports.get(metastore.registered.get(name)?.id ?? '');
  const until = (name: string, what: string, condition: (r: NonNullable<ReturnType<typeof report>>) => boolean) =>
    eventually(`${name} ${what}`, () => {
      const found = report(name);
      return found !== undefined && condition(found) ? found : undefined;
    });
  const committed = (name: string, records: bigint) =>
    until(name, `has ${records} rows`, (r) => r.partitions.reduce((total, p) => total + p.committed, 0n) === records);
  return { raw, tables, metastore, chain, start, report, until, committed };
}

describe('a table leg', () => {
  it('waits for its topic, then commits what lands and says so', async () => {
    const w = world();
    w.metastore.register({ name: 'orders', kafkaTopic: 'orders', partitionKeys: ['date'], pkFields: ['id'] });
    const running = w.start();
    await w.until('orders', 'waits', (r) => r.state === 'WAITING_FOR_TOPIC');
    const chain = w.chain('orders', 0, topicId, 100n);
    await chain.claim();
    await chain.data([...orders(5), null, '17'], 3n);
    await w.until('orders', 'runs', (r) => r.state === 'RUNNING' && r.tableVersion === 0n);
    await chain.gap(10n);
    await chain.claim();
    await chain.data([order(6, ',"new":{"a":[1]}')]);
    const end = await w.committed('orders', 6n);
    expect(end.partitions[0]).toMatchObject({
      startOffset: 100n,
      position: 121n,
      landed: 121n,
      quarantined: { not_object: 1n },
      dropped: { tombstone: 1n },
    });
    expect(end.partitions[0]?.gaps).toEqual({ not_delivered: 3n, accepted_by_operator: 10n });
    await running.stop();
    const table = await readTable(w.tables, 'orders');
    expect(table?.ledger.schemaVersion).toBe(2);
    expect([...w.metastore.schemas.values()].map(({ version, kind, state }) => [version, kind, state])).toEqual([
      [1, 'INITIAL', 'ACTIVE'],
      [2, 'NON_BREAKING', 'ACTIVE'],
    ]);
  });

  it('an all-quarantined first batch creates the table', async () => {
    const w = world();
    w.metastore.register({ name: 'bad', kafkaTopic: 'bad' });
    const chain = w.chain('bad');
    await chain.claim();
    await chain.data(['1', '2']);
    const running = w.start();
    await w.until('bad', 'is there', (r) => r.tableVersion === 0n);
    await running.stop();
    const table = await readTable(w.tables, 'bad');
    expect(table?.ledger.partitions[0]).toMatchObject({ position: 2n, committed: 0n, quarantined: { not_object: 2n } });
    expect(table?.ledger.quarantineSegments).toMatchObject([{ records: 2n }]);
  });

  it('a pause stops the table, a resume goes on; an order to stop commits what has landed', async () => {
    const w = world();
    w.metastore.register({ name: 'orders', kafkaTopic: 'orders' });
    const chain = w.chain('orders');
    await chain.claim();
    await chain.data(orders(2));
    const running = w.start();
    await w.committed('orders', 2n);
    w.metastore.change('orders', { paused: true });
    await w.until('orders', 'pauses', (r) => r.state === 'PAUSED');
    await chain.data(orders(3));
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(w.report('orders')?.tableVersion).toBe(0n);
    w.metastore.change('orders', { paused: false, resumeCount: 1 });
    await w.committed('orders', 5n);
    await running.stop();
    const slow = w.start({ ageMs: 60_000 });
    await chain.data(orders(4));
    await w.until('orders', 'is seen', (r) => r.partitions[0]?.landed === 9n);
    await slow.stop();
    expect((await readTable(w.tables, 'orders'))?.ledger.partitions[0]?.position).toBe(9n);
  });

  it('startFrom latest begins at what has landed; partitions that come later are read whole', async () => {
    const w = world();
    const chain = w.chain('orders');
    await chain.claim();
    await chain.data(orders(50));
    const { id } = w.metastore.register({ name: 'late', kafkaTopic: 'orders', startFrom: 'latest' });
    const running = w.start();
    const begun = await w.until('late', 'knows its start', (r) => r.partitions[0]?.startOffset === 50n);
    expect(begun.reason).toBe(`by startFrom latest these landed records are not in the table: ${topicId}/0 [0, 50)`);
    await chain.data(orders(2));
    const added = new HandChain(w.raw, 'orders', topicId, 1, 0n, new Date(Date.now() + 1000).toISOString());
    await added.claim();
    await added.data(orders(3));
    await w.committed('late', 5n);
    await running.stop();
    const table = await readTable(w.tables, 'late');
    expect(table?.ledger.partitions.map(({ startOffset, position }) => [startOffset, position])).toEqual([
      [50n, 52n],
      [0n, 3n],
    ]);
    expect(await table?.table.get(`_millrace/config/${id}-1.json`)).toBeDefined();
  });

  it('R6 made again over its table it goes on from the position, and schema versions count on', async () => {
    const w = world();
    const first = w.metastore.register({ name: 'orders', kafkaTopic: 'orders' });
    const chain = w.chain('orders');
    await chain.claim();
    await chain.data(orders(3));
    const running = w.start();
    await w.committed('orders', 3n);
    w.metastore.registered.delete('orders');
    await eventually('marker', () => w.tables.get(`orders/${deletedMarkerKey(first.id)}`));
    await chain.data([order(4, ',"new":1')]);
    w.metastore.register({ name: 'orders', kafkaTopic: 'orders', startFrom: 'latest' });
    await w.committed('orders', 4n);
    expect(w.report('orders')?.schemaVersion).toBe(2);
    w.metastore.registered.delete('orders');
    w.metastore.register({ name: 'orders', kafkaTopic: 'other' });
    const blocked = await w.until('orders', 'is another table', (r) => r.state === 'BLOCKED');
    expect(blocked.reason).toContain('topic orders, the dataset reads other');
    await running.stop();
  });

  it('R7 a breaking change stops the table until a person decides, and again beyond the decision', async () => {
    const w = world();
    w.metastore.register({ name: 'orders', kafkaTopic: 'orders' });
    const chain = w.chain('orders');
    await chain.claim();
    await chain.data(orders(3));
    const running = w.start();
    await w.committed('orders', 3n);
    await chain.data([order(3), '{"id":"four"}', order(5)]);
    const blocked = await w.until('orders', 'blocks', (r) => r.state === 'BLOCKED');
    expect(blocked.tableVersion).toBe(0n);
    expect(blocked.reason).toMatch(/id: long → string first at .* offset 4/);
    expect(blocked.block).toMatchObject({
      schemaVersion: 2,
      changes: [{ path: 'id', types: ['string'] }],
      firstOffsets: { [`${topicId}/0`]: 4n },
    });
    expect(w.metastore.schemas.get('orders/2')).toMatchObject({ state: 'BLOCKED', kind: 'BREAKING' });
    expect(await running.registry.metrics()).toContain('millrace_breaking_schema_change{dataset="orders"} 1');
    // looked at again without a decision it stays
    w.metastore.change('orders', { resumeCount: 1 });
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(w.report('orders')?.state).toBe('BLOCKED');
    const ranges = { [`${topicId}/0`]: { startOffset: '4', endOffset: '6' } };
    const decision = {
      id: 'd1',
      breaking: 'quarantine' as const,
      changes: blocked.block?.changes ?? [],
      ranges,
      decidedAt: new Date().toISOString(),
    };
    w.metastore.change('orders', { resumeCount: 2, decisions: [decision] });
    await w.committed('orders', 5n);
    expect(w.metastore.schemas.get('orders/2')).toMatchObject({ state: 'SUPERSEDED' });
    expect(await running.registry.metrics()).toContain('millrace_breaking_schema_change{dataset="orders"} 0');
    const config = await w.tables.get(`orders/_millrace/config/${w.metastore.registered.get('orders')?.id}-3.json`);
    expect(JSON.parse(new TextDecoder().decode(config))).toMatchObject({ decisions: [{ id: 'd1' }] });
    await chain.data(['{"id":"seven"}']);
    const again = await w.until('orders', 'blocks again', (r) => r.state === 'BLOCKED');
    expect(again.block).toMatchObject({ schemaVersion: 3, firstOffsets: { [`${topicId}/0`]: 6n } });
    await running.stop();
  });

  it('R8 a flood of bad records stops the table; a resume waives the check for good', async () => {
    const w = world();
    w.metastore.register({ name: 'flood', kafkaTopic: 'flood' });
    const chain = w.chain('flood');
    await chain.claim();
    await chain.data([...orders(100), ...Array.from({ length: 9_900 }, () => '0')]);
    const running = w.start();
    const blocked = await w.until('flood', 'blocks', (r) => r.state === 'BLOCKED');
    expect(blocked.reason).toContain('9900 of the first 10000');
    expect(blocked.tableVersion).toBeNull();
    w.metastore.change('flood', { resumeCount: 1 });
    await w.committed('flood', 100n);
    await running.stop();
    expect((await readTable(w.tables, 'flood'))?.ledger.floodCheck).toBe('waived');
  });

  it('too many table partitions, an unknown kind and a missing object stop that dataset with their reason, and no other', async () => {
    const w = world();
    // more blocked ones than batches may be under way at once
    const runaways = ['runaway', 'runaway2', 'runaway3'];
    for (const name of [...runaways, 'newer', 'missing', 'fine']) {
      w.metastore.register({ name, kafkaTopic: name, partitionKeys: runaways.includes(name) ? ['id'] : [] });
      const chain = w.chain(name);
      await chain.claim();
      if (name === 'newer') await w.raw.put(chainEntryKey(name, chain, 1n), new TextEncoder().encode('{"kind":"leap","format":1}'));
      else await chain.data(orders(150));
    }
    const [object] = await w.raw.list('missing/2026');
    const bytes = await w.raw.get(object?.key ?? '');
    await w.raw.delete(object?.key ?? '');
    const running = w.start();
    expect((await w.until('runaway', 'blocks', (r) => r.state === 'BLOCKED')).reason).toMatch(
      /more than 100 table partitions .*at offset 100/,
    );
    for (const name of runaways) await w.until(name, 'blocks', (r) => r.state === 'BLOCKED');
    expect((await w.until('newer', 'blocks', (r) => r.state === 'BLOCKED')).reason).toMatch(/unknown kind "leap"/);
    expect((await w.until('missing', 'fails', (r) => r.state === 'FAILED')).reason).toContain(object?.key ?? '?');
    await w.committed('fine', 150n);
    const later = w.chain('later');
    await later.claim();
    await later.data(orders(3));
    w.metastore.register({ name: 'later', kafkaTopic: 'later' });
    await w.committed('later', 3n);
    // what was away is back: it goes on by itself
    await w.raw.put(object?.key ?? '', bytes ?? new Uint8Array());
    await w.committed('missing', 150n);
    await w.until('missing', 'runs', (r) => r.state === 'RUNNING');
    await running.stop();
  });

  it('reads every incarnation and partition of a topic', async () => {
    const w = world();
    w.metastore.register({ name: 'orders', kafkaTopic: 'orders' });
    const chains = [w.chain('orders'), w.chain('orders', 1), w.chain('orders', 0, 'topicBBBBBBBBBBBBBBBBB')];
    for (const chain of chains) {
      await chain.claim();
      await chain.data(orders(3));
    }
    await chains[0]?.close();
    const running = w.start();
    await w.committed('orders', 9n);
    await running.stop();
    expect((await readTable(w.tables, 'orders'))?.ledger.partitions).toHaveLength(3);
  });

  it('rows that others removed block, wherever they were noticed, until they are back', async () => {
    const w = world();
    w.metastore.register({ name: 'orders', kafkaTopic: 'orders' });
    const chain = w.chain('orders');
    await chain.claim();
    await chain.data(orders(4));
    const running = w.start();
    await w.committed('orders', 4n);
    const table = scopedStore(w.tables, 'orders');
    const first = new TextDecoder().decode(await table.get('_delta_log/00000000000000000000.json'));
    const add = JSON.parse(first.split('\n').find((line) => line.startsWith('{"add"')) ?? '{}') as { add: { path: string } };
    const foreign = (version: number, lines: unknown[]) =>
      table.put(
        `_delta_log/${String(version).padStart(20, '0')}.json`,
        new TextEncoder().encode(lines.map((line) => JSON.stringify(line)).join('\n')),
      );
    await foreign(1, [
      { commitInfo: { operation: 'RESTORE' } },
      { remove: { path: add.add.path, dataChange: true, deletionTimestamp: 1 } },
    ]);
    await chain.data(orders(2));
    expect((await w.until('orders', 'blocks', (r) => r.state === 'BLOCKED')).reason).toMatch(/version 1 \(RESTORE\) removed 1 data files/);
    w.metastore.change('orders', { resumeCount: 1 });
    const still = await w.until('orders', 'still blocks', (r) => r.state === 'BLOCKED' && r.reason?.includes('missing offsets') === true);
    expect(still.reason).toContain(`${topicId}/0 [0, 3] (4 records)`);
    await foreign(2, [{ commitInfo: { operation: 'RESTORE' } }, add]);
    w.metastore.change('orders', { resumeCount: 2 });
    await w.committed('orders', 6n);
    await running.stop();
  });
});
