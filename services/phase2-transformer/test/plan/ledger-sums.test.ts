import type { PartitionLedger } from '@millrace/core/domain/ledger.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkFlood } from '../../src/plan/flood.ts';
import { advanceLedger, ledgerTotals, type PartitionStart, sum } from '../../src/plan/ledger-sums.ts';
import type { ChainPiece } from '../../src/plan/pieces.ts';

const source = { topicId: 't', partition: 0 };
const start: PartitionStart = { topic: 'orders', source, startOffset: 100n, seq: 2n };
const starts = new Map([['t/0', start]]);

function piece(startOffset: bigint, endOffset: bigint, gapOffsets = 0n): ChainPiece {
  const gaps = gapOffsets === 0n ? [] : [{ startOffset, endOffset: startOffset + gapOffsets, cause: 'compacted' as const }];
  return { source, seq: startOffset, startOffset, endOffset, object: undefined, gaps };
}
const counts = (committed: number, quarantined: Record<string, number> = {}, dropped: Record<string, number> = {}) => [
  { ...source, committed, quarantined, dropped },
];

describe('the ledger', () => {
  it('adds a batch to the sums and moves the position', () => {
    const first = advanceLedger([], starts, [piece(100n, 110n, 2n)], counts(5, { not_json: 2 }, { tombstone: 1 }));
    expect(first).toEqual([
      {
        topic: 'orders',
        ...source,
        startOffset: 100n,
        position: 110n,
        seq: 100n,
        committed: 5n,
        quarantined: { not_json: 2n },
        dropped: { tombstone: 1n },
        gaps: { compacted: 2n },
      },
    ]);
    const second = advanceLedger(first, new Map(), [piece(110n, 111n), piece(111n, 112n)], counts(1, { not_object: 1 }));
    expect(second[0]).toMatchObject({ position: 112n, seq: 111n, committed: 6n, quarantined: { not_json: 2n, not_object: 1n } });
  });

  it('refuses a batch whose records are not what the chain says', () => {
    expect(() => advanceLedger([], starts, [piece(100n, 110n)], counts(9))).toThrow(/9 of 10 offsets/);
    expect(() => advanceLedger([], starts, [piece(100n, 110n)], counts(11))).toThrow(/11 of 10 offsets/);
    expect(() => advanceLedger([], starts, [piece(101n, 110n)], counts(9))).toThrow(/begins at 101, the position is 100/);
  });

  it('an empty result still advances the position', () => {
    expect(advanceLedger([], starts, [piece(100n, 105n, 5n)], [])[0]).toMatchObject({
      position: 105n,
      committed: 0n,
      gaps: { compacted: 5n },
    });
  });

  it('keeps the law over any sequence of batches', () => {
    const step = fc.record({
      committed: fc.nat(50),
      quarantined: fc.nat(50),
      dropped: fc.nat(50),
      gap: fc.nat(50),
      twoPieces: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        let partitions: PartitionLedger[] = [];
        for (const { committed, quarantined, dropped, gap, twoPieces } of steps) {
          const from = partitions[0]?.position ?? 100n;
          const to = from + BigInt(committed + quarantined + dropped + gap);
          const cut = from + BigInt(gap);
          const pieces = twoPieces ? [piece(from, cut, BigInt(gap)), piece(cut, to)] : [piece(from, to, BigInt(gap))];
          partitions = advanceLedger(partitions, starts, pieces, counts(committed, { a: quarantined }, { tombstone: dropped }));
        }
        for (const p of partitions)
          expect(p.position - p.startOffset).toBe(p.committed + sum(p.quarantined) + sum(p.dropped) + sum(p.gaps));
        const totals = ledgerTotals(partitions);
        expect(totals.covered).toBe(totals.committed + totals.quarantined + totals.dropped + totals.gaps);
      }),
    );
  });
});

describe('R8 the flood check', () => {
  const after = (committed: bigint, quarantined: bigint) => [
    {
      topic: 'o',
      ...source,
      startOffset: 0n,
      position: 0n,
      seq: 0n,
      committed,
      quarantined: { x: quarantined },
      dropped: { tombstone: 99_999n },
      gaps: {},
    },
  ];
  it.each([
    ['R8 too few records to judge', 'pending', 0n, 9_999n, false, { floodCheck: 'pending' }],
    ['R8 half is not more than half', 'pending', 5_000n, 5_000n, false, { floodCheck: 'passed' }],
    ['R8 more than half stops the table', 'pending', 4_999n, 5_001n, false, { blocked: { quarantined: 5_001n, of: 10_000n } }],
    ['R8 a resume waives it', 'pending', 0n, 20_000n, true, { floodCheck: 'waived' }],
    ['R8 it happens once: passed', 'passed', 10_000n, 90_000n, false, { floodCheck: 'passed' }],
    ['R8 it happens once: waived', 'waived', 0n, 90_000n, false, { floodCheck: 'waived' }],
  ] as const)('%s', (_, before, committed, quarantined, waived, expected) => {
    expect(checkFlood(before, after(committed, quarantined), waived)).toEqual(expected);
  });
});
