import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BatchLimits, batchRanges, type PendingPiece, planBatch } from '../../src/plan/batches.ts';
import { pieceBytes, pieceRecords } from '../../src/plan/pieces.ts';

function piece(partition: number, startOffset: bigint, bytes: number, records: number, seenAt = 0): PendingPiece {
  const endOffset = startOffset + BigInt(Math.max(records, 1));
  const object = {
    key: `${partition}/${startOffset}`,
    bytes: 1,
    linesBytes: bytes,
    sha256: '',
    recordCount: records,
    startOffset,
    endOffset,
    firstTimestamp: null,
    lastTimestamp: null,
  };
  return {
    source: { topicId: 't', partition },
    seq: startOffset,
    startOffset,
    endOffset,
    object: records === 0 ? undefined : object,
    gaps: [],
    seenAt,
  };
}

const limits: BatchLimits = { bytesMax: 1000, recordsMax: 100, ageMs: 10_000 };
const taken = (plan: ReturnType<typeof planBatch>) =>
  'take' in plan ? plan.take.map((p) => `${p.source.partition}@${p.startOffset}`) : plan;

describe('micro-batches', () => {
  it('wait for bytes, records or age, whichever comes first', () => {
    expect(planBatch([], limits, 0)).toEqual({ waitMs: undefined });
    expect(planBatch([[piece(0, 0n, 10, 1, 2_000)]], limits, 5_000)).toEqual({ waitMs: 7_000 });
    expect(taken(planBatch([[piece(0, 0n, 10, 1, 2_000)]], limits, 12_000))).toEqual(['0@0']);
    expect(taken(planBatch([[piece(0, 0n, 1000, 1)]], limits, 0))).toEqual(['0@0']);
    expect(taken(planBatch([[piece(0, 0n, 10, 100)]], limits, 0))).toEqual(['0@0']);
  });

  it('an empty piece has an age too, so that its position moves', () => {
    expect(taken(planBatch([[piece(0, 0n, 0, 0)]], limits, 10_000))).toEqual(['0@0']);
  });

  it('are fair: a large partition does not starve a small one', () => {
    const large = Array.from({ length: 50 }, (_, i) => piece(0, BigInt(i * 10), 300, 10));
    const small = Array.from({ length: 5 }, (_, i) => piece(1, BigInt(i), 20, 1));
    expect(taken(planBatch([large, small], limits, 0))).toEqual(['0@0', '1@0', '1@1', '1@2', '1@3', '1@4', '0@10', '0@20']);
  });

  it('one piece is always taken, however large', () => {
    expect(taken(planBatch([[piece(0, 0n, 99_999, 9_999), piece(0, 9_999n, 1, 1)]], limits, 0))).toEqual(['0@0']);
  });

  it('hold for every load: order within a partition, bounds, nothing twice', () => {
    const partition = fc.array(fc.record({ bytes: fc.nat(600), records: fc.nat(60) }), { maxLength: 12 });
    fc.assert(
      fc.property(fc.array(partition, { maxLength: 5 }), (load) => {
        const pending = load.map((sizes, p) => {
          let at = 0n;
          return sizes.map(({ bytes, records }) => {
            const made = piece(p, at, records === 0 ? 0 : bytes, records);
            at = made.endOffset;
            return made;
          });
        });
        const plan = planBatch(pending, limits, 10_000);
        if (!('take' in plan)) {
          expect(pending.flat()).toEqual([]);
          return;
        }
        for (const [p, pieces] of pending.entries()) {
          const own = plan.take.filter((piece) => piece.source.partition === p);
          expect(own).toEqual(pieces.slice(0, own.length));
        }
        const bytes = plan.take.reduce((sum, piece) => sum + pieceBytes(piece), 0);
        const records = plan.take.reduce((sum, piece) => sum + pieceRecords(piece), 0);
        expect(plan.take.length === 1 || (bytes <= limits.bytesMax && records <= limits.recordsMax)).toBe(true);
      }),
    );
  });

  it('cover one range a partition', () => {
    expect([...batchRanges([piece(0, 0n, 1, 5), piece(1, 7n, 1, 1), piece(0, 5n, 1, 3)])]).toEqual([
      ['t/0', { startOffset: 0n, endOffset: 8n }],
      ['t/1', { startOffset: 7n, endOffset: 8n }],
    ]);
  });
});
