import { MillraceError } from '@millrace/core/domain/errors.ts';
import { expect, test } from 'vitest';
import { planBatch } from '../../src/plan/batches.ts';
import type { ChainPiece } from '../../src/plan/pieces.ts';
import {
  afterBatch,
  afterWorkerLoss,
  isWorkerLoss,
  limitsAfter,
  noLosses,
  type WorkerLosses,
  workerLossBlock,
} from '../../src/plan/worker-losses.ts';

const limits = { bytesMax: 6_400, recordsMax: 1_000, ageMs: 0 };
/** 64 raw objects of 100 bytes and 10 records. */
const pieces = Array.from({ length: 64 }, (_, i) => ({
  source: { topicId: 'id', partition: 0 },
  seq: BigInt(i + 1),
  startOffset: BigInt(10 * i),
  endOffset: BigInt(10 * i + 10),
  object: { key: `object-${i}`, linesBytes: 100, recordCount: 10 } as ChainPiece['object'],
  gaps: [],
  seenAt: 0,
}));
const taken = (losses: WorkerLosses, from = 0) => {
  const plan = planBatch([pieces.slice(from)], limitsAfter(losses, limits), 1);
  return 'take' in plan ? plan.take : [];
};

test('with each loss the batch gets smaller, until one raw object is named after three losses over it alone', () => {
  let losses = noLosses;
  const sizes: number[] = [];
  let block = workerLossBlock(losses, taken(losses), 'heap', 'orders');
  for (let lost = 0; lost < 20 && block === undefined; lost++) {
    const batch = taken(losses);
    sizes.push(batch.length);
    losses = afterWorkerLoss(losses, batch);
    block = workerLossBlock(losses, batch, 'heap', 'orders');
  }
  expect(sizes).toEqual([64, 8, 1, 1, 1]);
  expect(block).toMatchObject({ code: 'batch_kills_worker', reason: expect.stringContaining('object-0 (offsets [0, 10) of id/0') });
});

test('losses over different objects do not add up, and batches grow again step by step', () => {
  let losses: WorkerLosses = { cuts: 2, lone: undefined };
  for (const from of [0, 1, 0, 1]) losses = afterWorkerLoss(losses, taken(losses, from));
  expect(losses.lone).toEqual({ object: 'object-1', losses: 1 });
  losses = afterBatch(losses);
  expect(taken(losses)).toHaveLength(8);
  losses = afterBatch(losses);
  expect(taken(losses)).toHaveLength(64);
});

test('only a lost worker counts', () => {
  expect(isWorkerLoss(new MillraceError('unavailable', 'batch_worker_lost', ''))).toBe(true);
  expect(isWorkerLoss(new MillraceError('unavailable', 'batch_aborted', ''))).toBe(false);
  expect(isWorkerLoss(new MillraceError('corrupt', 'raw_object_differs', ''))).toBe(false);
});
