import { systemClock } from '@millrace/core/adapters/system/clock.ts';
import { systemRandom } from '@millrace/core/adapters/system/random.ts';
import { readLedger } from '@millrace/core/delta/ledger-reader.ts';
import { readTableState } from '@millrace/core/delta/snapshot.ts';
import { isKind } from '@millrace/core/domain/errors.ts';
import type { Clock } from '@millrace/core/ports/clock.ts';
import { FaultyStore } from '@millrace/core/testing/faulty-store.ts';
import { memoryStore } from '@millrace/core/testing/memory-store.ts';
import { describe, expect, it } from 'vitest';
import { writeCheckpoint } from '../../src/formats/delta/checkpoint.ts';
import { commitBatch, type ReadyBatch } from '../../src/loop/commit-batch.ts';
import { noTable, type TableHead } from '../../src/loop/table-head.ts';
import { emptyTable, HandMetastore } from './harness.ts';

const dataset = new HandMetastore().register({ name: 'orders', kafkaTopic: 'orders' });

function batch(partition: number, startOffset: bigint, records: number): ReadyBatch {
  const source = { topicId: 't', partition };
  return {
    pieces: [{ source, seq: startOffset, startOffset, endOffset: startOffset + BigInt(records), object: undefined, gaps: [] }],
    starts: new Map([[`t/${partition}`, { topic: 'orders', source, startOffset: 0n, seq: 0n }]]),
    counts: [{ ...source, committed: records, quarantined: {}, dropped: {} }],
    files: [],
    segments: [{ key: `_millrace/quarantine/${partition}-${startOffset}`, sha256: '0'.repeat(64), bytes: 1, records: 0n }],
    facts: emptyTable,
    floodWaived: false,
  };
}

function world() {
  const { store, objects } = memoryStore();
  const table = new FaultyStore(store);
  const commit = (head: TableHead, ready: ReadyBatch, signal = new AbortController().signal) =>
    commitBatch({ table, clock: systemClock, random: systemRandom }, dataset, head, ready, signal);
  const ledgers = () => [...objects.keys()].filter((key) => key.includes('/ledger/'));
  const put = (version: number, lines: unknown[]) =>
    store.put(`_delta_log/${String(version).padStart(20, '0')}.json`, Buffer.from(lines.map((line) => JSON.stringify(line)).join('\n')));
  return { table, objects, commit, ledgers, put };
}

async function committed(outcome: ReturnType<ReturnType<typeof world>['commit']>) {
  const ending = await outcome;
  if (ending.status !== 'committed') throw new Error(JSON.stringify(ending));
  return ending;
}

/** A clock that goes on when everything sleeps, to the earliest time that is waited for; `at` lets something happen at a time, ms. */
function handClock() {
  let now = 0;
  const waiting = new Set<{ ms: number; happen: () => void }>();
  const turn = () => {
    const [next] = [...waiting].sort((a, b) => a.ms - b.ms);
    if (next === undefined) return;
    waiting.delete(next);
    now = Math.max(now, next.ms);
    next.happen();
  };
  const at = (ms: number, happen: () => void) => {
    const event = { ms, happen };
    waiting.add(event);
    return event;
  };
  const sleep = (ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve) => {
      const event = at(now + ms, resolve);
      const end = () => {
        waiting.delete(event);
        resolve();
      };
      if (signal?.aborted) end();
      else signal?.addEventListener('abort', end, { once: true });
      setImmediate(turn);
    });
  const clock: Clock = { ...systemClock, now: () => now, monotonic: () => now, sleep };
  return { clock, at };
}

describe('committing a batch', () => {
  it('R4 a neighbour moved the ledger head: a new ledger over it holds both', async () => {
    const w = world();
    const { head } = await committed(w.commit(noTable, batch(9, 0n, 1)));
    await committed(w.commit(head, batch(0, 0n, 5)));
    const second = await committed(w.commit(head, batch(1, 0n, 7)));
    expect(second.version).toBe(2n);
    const state = await readTableState(w.table);
    expect(state?.txns.get('millrace/t/0')).toBe(5n);
    const ledger = await readLedger(w.table, state?.txns.get('millrace/ledger') ?? 0n);
    expect(ledger.partitions.map(({ partition, position }) => [partition, position])).toEqual([
      [9, 1n],
      [0, 5n],
      [1, 7n],
    ]);
    expect(ledger.previousId).not.toBe(head.ledger?.id);
    expect(ledger.quarantineSegments).toHaveLength(3);
    // one ledger a commit, and one of the lost attempt that nothing names
    expect(w.ledgers()).toHaveLength(4);
  });

  it('R4 somebody moved our position: the batch is dropped and nothing of it shows', async () => {
    const w = world();
    const { head } = await committed(w.commit(noTable, batch(0, 0n, 5)));
    await committed(w.commit(head, batch(0, 5n, 5)));
    expect(await w.commit(head, batch(0, 5n, 3))).toEqual({ status: 'dropped', moved: ['millrace/t/0'] });
    expect((await readTableState(w.table))?.version).toBe(1n);
  });

  it('R4 a commit of others over the same head: the same ledger id again, one version later', async () => {
    const w = world();
    const { head } = await committed(w.commit(noTable, batch(0, 0n, 5)));
    await w.put(1, [{ commitInfo: { operation: 'OPTIMIZE' } }]);
    await w.put(2, [{ commitInfo: { operation: 'WRITE' } }]);
    expect((await committed(w.commit(head, batch(0, 5n, 5)))).version).toBe(3n);
    expect(w.ledgers()).toHaveLength(2);
  });

  it('R4 settle first: an unknown outcome is settled by the identical put before anything else', async () => {
    const w = world();
    w.table.inject({ on: 'putIfAbsent', key: /_delta_log/, effect: 'loseAnswer' });
    w.table.inject({ on: 'get', key: /_delta_log/, effect: 'failBefore', times: 2 });
    await committed(w.commit(noTable, batch(0, 0n, 5)));
    const puts = w.table.calls.filter(({ operation }) => operation === 'putIfAbsent');
    expect(puts.filter(({ key }) => key.includes('_delta_log')).map(({ key }) => key)).toEqual(
      Array(2).fill('_delta_log/00000000000000000000.json'),
    );
    expect(w.ledgers()).toHaveLength(1);
    expect(w.table.calls.some(({ operation }) => operation === 'delete')).toBe(false);
  });

  it('a table that was removed meanwhile is not gone on with in an empty log', async () => {
    const w = world();
    const { head } = await committed(w.commit(noTable, batch(0, 0n, 5)));
    w.objects.delete('_delta_log/00000000000000000000.json');
    expect(await w.commit(head, batch(0, 5n, 5))).toMatchObject({
      status: 'blocked',
      block: { code: 'table_gone', reason: expect.stringContaining('was at version 0 and its log is gone') },
    });
    expect([...w.objects.keys()].filter((key) => key.startsWith('_delta_log/'))).toEqual([]);
  });

  it('a log that goes on behind a gap is read anew: no commit lands in its past', async () => {
    const w = world();
    const { head } = await committed(w.commit(noTable, batch(0, 0n, 5)));
    const state = head.state ?? expect.fail();
    await writeCheckpoint(w.table, state, 0);
    const [own, checkpoint] = ['_delta_log/00000000000000000000.json', '_delta_log/00000000000000000000.checkpoint.parquet'];
    // as if others had committed up to version 4, written a checkpoint and cleaned the log
    w.objects.set(checkpoint.replace('0.checkpoint', '4.checkpoint'), w.objects.get(checkpoint) ?? expect.fail());
    w.objects.set('_delta_log/00000000000000000004.json', Buffer.from('{"commitInfo":{"operation":"WRITE"}}'));
    expect(await w.commit(head, batch(0, 5n, 5))).toEqual({ status: 'plan_again', why: 'the log goes on at version 4' });
    expect(w.objects.has('_delta_log/00000000000000000001.json')).toBe(false);
    w.objects.delete(own);
    expect((await readTableState(w.table))?.version).toBe(4n);
  });

  it('R4 settle first: a refusal after a lost answer says nothing about the put before it, however long ago', async () => {
    const w = world();
    // an answer is lost, the commit arrives later, and the store refuses and hides everything for longer than one round
    const { clock, at } = handClock();
    w.table.inject({ on: 'putIfAbsent', key: /_delta_log/, effect: 'loseAnswer' });
    w.table.inject({ on: 'putIfAbsent', key: /_delta_log/, effect: 'refuse', times: Number.POSITIVE_INFINITY });
    at(50_000, () => w.table.heal());
    const ending = await commitBatch(
      { table: w.table, clock, random: systemRandom },
      dataset,
      noTable,
      batch(0, 0n, 5),
      new AbortController().signal,
    );
    expect(ending).toMatchObject({ status: 'committed', version: 0n });
    expect(w.ledgers()).toHaveLength(1);
  });

  it('an order to end while the outcome is unknown says so', async () => {
    const w = world();
    w.table.inject({ on: 'putIfAbsent', key: /_delta_log/, effect: 'loseRequest', times: Number.POSITIVE_INFINITY });
    const stop = new AbortController();
    const ending = w.commit(noTable, batch(0, 0n, 5), stop.signal);
    setTimeout(() => stop.abort(), 200);
    await expect(ending).rejects.toSatisfy((error) => isKind(error, 'unavailable') && error.code === 'commit_unknown');
  });

  it('creation is a race by the same put: losers look at what the winner made', async () => {
    const w = world();
    const endings = await Promise.all([
      w.commit(noTable, batch(0, 0n, 5)),
      w.commit(noTable, batch(0, 0n, 5)),
      w.commit(noTable, batch(1, 0n, 5)),
    ]);
    expect(endings.map(({ status }) => status).sort()).toEqual(['committed', 'dropped', 'plan_again']);
  });
});
