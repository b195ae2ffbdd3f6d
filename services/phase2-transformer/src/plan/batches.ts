import { sourceKey } from '@millrace/core/domain/source.ts';
import { type ChainPiece, pieceBytes, pieceRecords } from './pieces.ts';

/** When a micro-batch is closed: whichever comes first. Bytes of JSON, records, age (ms) of the oldest piece since it was seen. */
export type BatchLimits = { bytesMax: number; recordsMax: number; ageMs: number };

/** A piece waiting for its batch. `seenAt` is monotonic ms; `landedAt` ms since 1970 by its writer's clock, for people. */
export type PendingPiece = ChainPiece & { seenAt: number; landedAt?: number };

/**
 * The next micro-batch of one dataset, or how long to wait for it (undefined: nothing is pending). Pure.
 * `pending` holds each source partition's pieces in chain order. A batch takes from the partition it has taken the fewest bytes of, piece by piece,
 * so that a large partition never starves a small one; it always takes one piece, and more only while they fit.
 */
export function planBatch(
  pending: readonly (readonly PendingPiece[])[],
  limits: BatchLimits,
  now: number,
): { take: PendingPiece[] } | { waitMs: number | undefined } {
  const all = pending.flat();
  if (all.length === 0) return { waitMs: undefined };
  const bytes = all.reduce((sum, piece) => sum + pieceBytes(piece), 0);
  const records = all.reduce((sum, piece) => sum + pieceRecords(piece), 0);
  const oldest = Math.min(...pending.map((pieces) => pieces[0]?.seenAt ?? Number.POSITIVE_INFINITY));
  const waitMs = oldest + limits.ageMs - now;
  if (bytes < limits.bytesMax && records < limits.recordsMax && waitMs > 0) return { waitMs };
  return { take: takeFairly(pending, limits) };
}

function takeFairly(pending: readonly (readonly PendingPiece[])[], limits: BatchLimits): PendingPiece[] {
  const queues = pending.filter((pieces) => pieces.length > 0).map((pieces) => ({ pieces, next: 0, bytes: 0 }));
  const take: PendingPiece[] = [];
  let bytes = 0;
  let records = 0;
  for (;;) {
    let queue: (typeof queues)[number] | undefined;
    for (const candidate of queues)
      if (candidate.next < candidate.pieces.length && (queue === undefined || candidate.bytes < queue.bytes)) queue = candidate;
    const piece = queue?.pieces[queue.next];
    if (queue === undefined || piece === undefined) return take;
    if (take.length > 0 && (bytes + pieceBytes(piece) > limits.bytesMax || records + pieceRecords(piece) > limits.recordsMax)) return take;
    take.push(piece);
    queue.next++;
    queue.bytes += pieceBytes(piece);
    bytes += pieceBytes(piece);
    records += pieceRecords(piece);
  }
}

/** `[startOffset, endOffset)` per `<topicId>/<partition>` a batch covers. Pure; pieces of one partition follow each other. */
export function batchRanges(pieces: readonly ChainPiece[]): Map<string, { startOffset: bigint; endOffset: bigint }> {
  const ranges = new Map<string, { startOffset: bigint; endOffset: bigint }>();
  for (const piece of pieces) {
    const key = sourceKey(piece.source);
    const range = ranges.get(key);
    ranges.set(key, { startOffset: range?.startOffset ?? piece.startOffset, endOffset: piece.endOffset });
  }
  return ranges;
}

/** The same as text, for a person: `<topicId>/<partition>[<startOffset>,<endOffset>)` each. Pure. */
export function rangeTexts(pieces: readonly ChainPiece[]): string[] {
  return [...batchRanges(pieces)].map(([key, { startOffset, endOffset }]) => `${key}[${startOffset},${endOffset})`);
}
