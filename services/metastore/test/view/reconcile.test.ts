import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reconciliation } from '../../src/api/reconciliation.ts';
import { reconcile } from '../../src/view/reconcile.ts';
import { facts, inTable, landed, landing, now, report } from './facts.ts';

const of = (partitions: ReturnType<typeof inTable>[]) => facts({ table: { report: report({ partitions }), reportedAt: now } });

describe('the law', () => {
  it('is shown term by term, for each partition and in total', () => {
    const first = inTable({
      startOffset: 10n,
      position: 100n,
      committed: 70n,
      quarantined: { not_json: 5n, depth: 1n },
      dropped: { tombstone: 4n },
      gaps: { compacted: 3n, not_delivered: 7n },
    });
    const second = inTable({ partition: 1, position: 20n, committed: 19n, quarantined: { not_json: 1n }, landed: 25n });
    const law = JSON.parse(JSON.stringify(reconciliation.encode(reconcile(of([first, second])))));
    expect(law.partitions[0]).toEqual({
      topic: 'orders.v1',
      topicId: first.topicId,
      partition: 0,
      start: '10',
      position: '100',
      landed: '100',
      committed: '70',
      quarantined: { not_json: '5', depth: '1' },
      dropped: { tombstone: '4' },
      gaps: { compacted: '3', not_delivered: '7' },
      unproven: '7',
      difference: '0',
      pending: '0',
    });
    expect(law.total).toEqual({
      covered: '110',
      committed: '89',
      quarantined: { not_json: '6', depth: '1' },
      dropped: { tombstone: '4' },
      gaps: { compacted: '3', not_delivered: '7' },
      unproven: '7',
      difference: '0',
      pending: '5',
    });
  });

  it('shows what is missing and what is counted twice', () => {
    const shown = (committed: bigint) =>
      JSON.parse(JSON.stringify(reconciliation.encode(reconcile(of([inTable({ committed })]))))).total.difference;
    expect([shown(79n), shown(80n), shown(81n)]).toEqual(['1', '0', '-1']);
  });

  it('counts as pending what phase 1 landed since the table report', () => {
    const law = reconcile(facts({ landing: landing({ partitions: [landed({ landed: 1_000n })] }) }));
    expect(law.total.pending).toBe(920n);
  });

  it('says nothing of a table nobody reported on', () => {
    expect(reconcile(facts({ table: undefined }))).toMatchObject({
      reportedAt: null,
      tableVersion: null,
      partitions: [],
      total: { covered: 0n, difference: 0n },
    });
  });

  it('has the total difference as the sum of the differences, for any reports', () => {
    const count = fc.bigInt({ min: 0n, max: 2n ** 60n });
    const partition = fc.record({ startOffset: count, covered: count, committed: count, a: count, b: count, tombstone: count, gap: count });
    fc.assert(
      fc.property(fc.array(partition, { maxLength: 5 }), (list) => {
        const law = reconcile(
          of(
            list.map(({ startOffset, covered, committed, a, b, tombstone, gap }, index) =>
              inTable({
                partition: index,
                startOffset,
                position: startOffset + covered,
                committed,
                quarantined: { a, b },
                dropped: { tombstone },
                gaps: { not_delivered: gap },
                landed: 0n,
              }),
            ),
          ),
        );
        expect(BigInt(law.total.difference)).toBe(law.partitions.reduce((sum, one) => sum + BigInt(one.difference), 0n));
        expect(law.total.unproven).toBe(list.reduce((sum, one) => sum + one.gap, 0n));
      }),
    );
  });
});
