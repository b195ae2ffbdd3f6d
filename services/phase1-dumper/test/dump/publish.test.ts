import { checkFollows } from '@millrace/core/chain/entries.ts';
import { type ChainEntry, chainEntry, type DataEntry, encodeStored, parseStored } from '@millrace/core/domain/chain.ts';
import { unknownCluster } from '@millrace/core/domain/chain-rules.ts';
import type { LineRange } from '@millrace/core/ports/record-source.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ChainHead, headAfter, planClaim } from '../../src/dump/claim.ts';
import { planCloseEntry, planDataEntry, planPublication } from '../../src/dump/publish.ts';
import { appendRange, emptyBuffer, gapsPerEntryMax, shouldSeal } from '../../src/dump/seal.ts';
import { range } from './ranges.ts';

const source = { clusterId: 'c', topicId: 't', topic: 'orders', partition: 0 };
const start = {
  format: 1 as const,
  topicId: 't',
  topic: 'orders',
  clusterId: 'c',
  startFrom: 'earliest' as const,
  partitions: { '0': 5n },
  attemptId: 'a',
  createdAt: '',
};
const stamp = { attemptId: 'attempt', writer: 'w', nowMs: 0 };

function claimed(tail?: ChainEntry): { entry: ChainEntry; head: ChainHead } {
  const plan = planClaim(source, tail, start, stamp);
  if (plan.do !== 'claim') throw new Error(plan.reason);
  return { entry: plan.entry, head: headAfter(plan.entry, plan.chainStart) };
}

function publish(head: ChainHead, ranges: LineRange[]): DataEntry {
  const plan = planPublication(ranges, head);
  const objects = plan.object === null ? [] : [{ key: 'k', bytes: 1, sha256: '0'.repeat(64), ...plan.object }];
  return planDataEntry(source, head, plan, objects, stamp);
}

describe('planClaim', () => {
  test('the first claim has epoch 1 at seq 0 and begins where start.json says, later ones go on behind the tail', () => {
    const first = claimed();
    expect(first.entry).toMatchObject({ kind: 'claim', seq: 0n, epoch: 1n, startOffset: 5n, endOffset: 5n });
    const data = publish(first.head, [range(5, 9)]);
    expect(claimed(data).entry).toMatchObject({ kind: 'claim', seq: 2n, epoch: 2n, startOffset: 9n, leaderEpoch: 3 });
  });

  test('a partition that start.json does not know starts at 0', () => {
    const plan = planClaim({ ...source, partition: 7 }, undefined, start, stamp);
    expect(plan.do === 'claim' && plan.entry.startOffset).toBe(0n);
  });

  test('R1: a claim with the same id may follow a close', () => {
    const { head, entry } = claimed();
    const close = planCloseEntry(source, head, 'other', stamp);
    checkFollows(entry, close);
    checkFollows(close, claimed(close).entry);
  });

  test('a cluster that cannot be told goes on with the chain under the name the chain has, and back', () => {
    const begun = claimed().entry;
    const blind = planClaim({ ...source, clusterId: null }, begun, start, stamp);
    if (blind.do !== 'claim') throw new Error(blind.reason);
    expect(blind.entry.source.clusterId).toBe('c');
    checkFollows(begun, blind.entry);
    checkFollows(blind.entry, claimed(blind.entry).entry);
    const begunBlind = planClaim({ ...source, clusterId: null }, undefined, { ...start, clusterId: unknownCluster }, stamp);
    if (begunBlind.do !== 'claim') throw new Error(begunBlind.reason);
    const seeing = claimed(begunBlind.entry).entry;
    expect([begunBlind.entry, seeing].map((entry) => entry.source.clusterId)).toEqual([unknownCluster, unknownCluster]);
    checkFollows(begunBlind.entry, seeing);
  });

  test('a chain of another cluster is never gone on with', () => {
    expect(planClaim({ ...source, clusterId: 'swapped' }, claimed().entry, start, stamp)).toMatchObject({ do: 'stop' });
    expect(planClaim({ ...source, clusterId: 'swapped' }, undefined, start, stamp)).toMatchObject({ do: 'stop' });
  });
});

describe('planPublication', () => {
  const head = claimed().head;

  test('R12 control records at the end make a data entry without objects', () => {
    const entry = publish(head, [range(5, 7, { holes: [[5, 7]] })]);
    expect(entry).toMatchObject({
      kind: 'data',
      objects: [],
      startOffset: 5n,
      endOffset: 7n,
      gaps: [{ startOffset: 5n, endOffset: 7n, cause: 'not_delivered' }],
    });
    checkFollows(claimed().entry, entry);
  });

  test('the object reaches from its first record to behind its last; holes around it stay gaps', () => {
    const { object, gaps } = planPublication(
      [
        range(5, 8, { holes: [[5, 6]] }),
        range(8, 12, {
          holes: [
            [9, 10],
            [11, 12],
          ],
        }),
        range(12, 14, { holes: [[12, 14]] }),
      ],
      head,
    );
    expect(object).toMatchObject({ startOffset: 6n, endOffset: 11n, recordCount: 4, firstTimestamp: 5, lastTimestamp: 11 });
    expect(gaps.map(({ startOffset, endOffset }) => [startOffset, endOffset])).toEqual([
      [5n, 6n],
      [9n, 10n],
      [11n, 14n],
    ]);
  });

  test("the leader epoch is the last record's; without records the chain's stays", () => {
    expect(planPublication([range(5, 8, { leaderEpoch: 4 }), range(8, 9, { holes: [[8, 9]] })], head).leaderEpoch).toBe(4);
    expect(planPublication([range(5, 6, { holes: [[5, 6]] })], { ...head, leaderEpoch: 9 }).leaderEpoch).toBe(9);
  });
});

test('chains stay dense and accounted for under any cut into ranges, seals and new owners', () => {
  const log = fc.array(
    fc.record({ hole: fc.boolean(), length: fc.integer({ min: 1, max: 5 }), next: fc.constantFrom('more', 'seal', 'claim') }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(log, (steps) => {
      const first = claimed();
      const entries: ChainEntry[] = [first.entry];
      let head = first.head;
      let buffer = emptyBuffer();
      let next = 5;
      let records = 0n;
      for (const { hole, length, next: action } of steps) {
        appendRange(buffer, range(next, next + length, hole ? { holes: [[next, next + length]] } : {}), BigInt(next));
        next += length;
        if (action === 'more') continue;
        if (action === 'seal') {
          const entry = publish(head, buffer.ranges);
          entries.push(entry);
          head = headAfter(entry, head.chainStart);
        } else {
          // a new owner: what was buffered is read again from the chain's end
          const claim = claimed(entries.at(-1));
          entries.push(claim.entry);
          head = claim.head;
          next = Number(head.nextOffset);
        }
        buffer = emptyBuffer();
      }
      for (const [index, entry] of entries.entries())
        checkFollows(entries[index - 1], parseStored(chainEntry, encodeStored(chainEntry, entry), 'entry'));
      for (const entry of entries)
        if (entry.kind === 'data') records += entry.objects.reduce((sum, { recordCount }) => sum + BigInt(recordCount), 0n);
      const gaps = entries
        .flatMap((entry) => (entry.kind === 'data' ? entry.gaps : []))
        .reduce((sum, gap) => sum + gap.endOffset - gap.startOffset, 0n);
      expect(records + gaps).toBe(head.nextOffset - 5n);
    }),
  );
});

describe('the buffer', () => {
  test('refuses a range that would lose or double records', () => {
    expect(() => appendRange(emptyBuffer(), range(6, 8), 5n)).toThrow(
      expect.objectContaining({ kind: 'internal', code: 'range_not_dense' }),
    );
    expect(() => appendRange(emptyBuffer(), range(4, 8), 5n)).toThrow(expect.objectContaining({ code: 'range_not_dense' }));
  });

  test('is sealed by bytes, by age without a new record, and by number of gaps; never empty', () => {
    const settings = { sealBytes: 100, sealIntervalMs: 5000 };
    const buffer = emptyBuffer();
    expect(shouldSeal(buffer, settings, 1e9)).toBe(false);
    appendRange(buffer, range(0, 5, { arrivedAt: 1000 }), 0n);
    expect(shouldSeal(buffer, settings, 5999)).toBe(false);
    expect(shouldSeal(buffer, settings, 6000)).toBe(true);
    appendRange(buffer, range(5, 10, { arrivedAt: 2000 }), 5n);
    expect(shouldSeal(buffer, settings, 2000)).toBe(true);
    expect(shouldSeal({ ...emptyBuffer(), ranges: [range(0, 1)], gaps: gapsPerEntryMax, oldestAt: 0 }, settings, 1)).toBe(true);
  });
});
