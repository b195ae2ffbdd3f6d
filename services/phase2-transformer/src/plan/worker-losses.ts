import { isKind } from '@millrace/core/domain/errors.ts';
import { sourceKey } from '@millrace/core/domain/source.ts';
import type { BatchLimits } from './batches.ts';
import { type Block, evaluateAgain } from './block.ts';
import { type ChainPiece, pieceBytes } from './pieces.ts';

/** Workers lost over one single raw object before a person is asked. */
export const loneLossesMax = 3;
/** How much smaller batches get with each loss, until they are one raw object. */
const cutShare = 8;
const cutsMax = 2;

/** What workers died of lately, of one dataset: `cuts` made batches smaller, `lone` counts losses over one raw object and nothing else. */
export type WorkerLosses = { cuts: number; lone: { object: string; losses: number } | undefined };

export const noLosses: WorkerLosses = { cuts: 0, lone: undefined };

/** Did the batch take its worker with it: out of memory, crashed, or hanging until its deadline? Pure. */
export const isWorkerLoss = (error: unknown): boolean => isKind(error, 'unavailable') && error.code === 'batch_worker_lost';

/** After a worker was lost over these pieces. Pure. The next batch is smaller; the loss counts against an object only when the worker had nothing else. */
export function afterWorkerLoss(losses: WorkerLosses, pieces: readonly ChainPiece[]): WorkerLosses {
  const cuts = Math.min(cutsMax, losses.cuts + 1);
  const [piece] = pieces;
  if (piece?.object === undefined || pieces.length > 1) return { cuts, lone: undefined };
  const object = piece.object.key;
  return { cuts, lone: { object, losses: losses.lone?.object === object ? losses.lone.losses + 1 : 1 } };
}

/** After a batch went well. Pure. Batches grow step by step, since what killed the worker may still lie ahead. */
export const afterBatch = ({ cuts }: WorkerLosses): WorkerLosses => ({ cuts: Math.max(0, cuts - 1), lone: undefined });

/** How large the next batch may be. Pure. A batch always takes one piece, whatever the limits say. */
export function limitsAfter(losses: WorkerLosses, limits: BatchLimits): BatchLimits {
  if (losses.cuts === 0) return limits;
  if (losses.cuts >= cutsMax) return { ...limits, bytesMax: 1, recordsMax: 1 };
  return { ...limits, bytesMax: limits.bytesMax / cutShare ** losses.cuts };
}

/** The block of a raw object that no worker survives, or undefined while it is tried again. Pure. */
export function workerLossBlock(losses: WorkerLosses, pieces: readonly ChainPiece[], cause: string, name: string): Block | undefined {
  const [piece] = pieces;
  if (piece?.object === undefined || losses.lone === undefined || losses.lone.losses < loneLossesMax) return undefined;
  return {
    code: 'batch_kills_worker',
    reason: `raw object ${piece.object.key} (offsets [${piece.startOffset}, ${piece.endOffset}) of ${sourceKey(piece.source)}, ${pieceBytes(piece)} bytes of lines) took ${losses.lone.losses} workers with it that had nothing else: ${cause}`,
    nextAction: evaluateAgain('give decode threads more memory (MILLRACE_WORKER_HEAP_BYTES)', name),
  };
}
