import { checkCovers } from '@millrace/core/chain/entries.ts';
import type { ChainEntry, RawObject } from '@millrace/core/domain/chain.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { piecesOf } from '../../src/plan/pieces.ts';

const source = { clusterId: 'c', topicId: 't', topic: 'orders', partition: 3 };
const common = { format: 1 as const, seq: 5n, attemptId: 'a', epoch: 1n, source, leaderEpoch: null, writer: 'w', createdAt: '' };

function object(startOffset: bigint, endOffset: bigint, recordCount: number): RawObject {
  return {
    key: `orders/${startOffset}`,
    bytes: 1,
    linesBytes: recordCount * 100,
    sha256: '0'.repeat(64),
    recordCount,
    startOffset,
    endOffset,
    firstTimestamp: null,
    lastTimestamp: null,
  };
}

/** Two objects with a hole inside the first, one between them and one after the second. */
const entry: ChainEntry = {
  kind: 'data',
  ...common,
  startOffset: 100n,
  endOffset: 130n,
  objects: [object(100n, 110n, 8), object(112n, 125n, 13)],
  gaps: [
    { startOffset: 103n, endOffset: 105n, cause: 'compacted' },
    { startOffset: 110n, endOffset: 112n, cause: 'aborted' },
    { startOffset: 125n, endOffset: 130n, cause: 'not_delivered' },
  ],
};

const shape = (pieces: ReturnType<typeof piecesOf>) =>
  pieces.map(({ startOffset, endOffset, object, gaps }) => [
    startOffset,
    endOffset,
    object?.key,
    gaps.map((gap) => gap.endOffset - gap.startOffset),
  ]);

describe('pieces of a chain entry', () => {
  it('are one an object, gaps before it and after the last included', () => {
    checkCovers(entry);
    expect(shape(piecesOf(entry, 0n))).toEqual([
      [100n, 110n, 'orders/100', [2n]],
      [110n, 130n, 'orders/112', [2n, 5n]],
    ]);
  });

  it('R3 a position inside an entry: offsets below it are skipped and gaps are counted from it', () => {
    expect(shape(piecesOf(entry, 104n))).toEqual([
      [104n, 110n, 'orders/100', [1n]],
      [110n, 130n, 'orders/112', [2n, 5n]],
    ]);
    expect(shape(piecesOf(entry, 111n))).toEqual([[111n, 130n, 'orders/112', [1n, 5n]]]);
    expect(shape(piecesOf(entry, 127n))).toEqual([[127n, 130n, 'orders/112', [3n]]]);
    expect(piecesOf(entry, 130n)).toEqual([]);
  });

  it('R3 wherever the position lies, pieces cover the rest of the entry once', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 90n, max: 140n }), (position) => {
        let at = position > 100n ? position : 100n;
        for (const piece of piecesOf(entry, position)) {
          expect(piece.startOffset).toBe(at);
          for (const gap of piece.gaps) expect(gap.startOffset >= piece.startOffset && gap.endOffset <= piece.endOffset).toBe(true);
          at = piece.endOffset;
        }
        expect(at).toBe(position > 130n ? position : 130n);
      }),
    );
  });

  it('R12 an entry without objects and an accepted loss are pieces of gaps alone', () => {
    const control: ChainEntry = { ...entry, kind: 'data', objects: [], gaps: [{ startOffset: 100n, endOffset: 130n, cause: 'control' }] };
    expect(shape(piecesOf(control, 0n))).toEqual([[100n, 130n, undefined, [30n]]]);
    const accepted: ChainEntry = {
      kind: 'gap',
      ...common,
      startOffset: 100n,
      endOffset: 130n,
      gaps: [{ startOffset: 100n, endOffset: 130n, cause: 'accepted_by_operator' }],
      reason: '',
    };
    expect(shape(piecesOf(accepted, 120n))).toEqual([[120n, 130n, undefined, [10n]]]);
  });

  it('claims and closes have none', () => {
    expect(piecesOf({ kind: 'claim', ...common, startOffset: 100n, endOffset: 100n }, 0n)).toEqual([]);
    expect(piecesOf({ kind: 'close', ...common, startOffset: 100n, endOffset: 100n, reason: '' }, 0n)).toEqual([]);
  });
});
