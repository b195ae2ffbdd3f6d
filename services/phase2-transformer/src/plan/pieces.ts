import type { ChainEntry, RawObject } from '@millrace/core/domain/chain.ts';
import { clipFrom, type Gap } from '@millrace/core/domain/offsets.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';

/**
 * The smallest part of a chain a micro-batch takes: `[startOffset, endOffset)` of one entry with at most one raw object and the gaps inside.
 * `seq` is the entry's; a batch may end between two pieces of one entry.
 */
export type ChainPiece = {
  source: SourcePartition;
  seq: bigint;
  startOffset: bigint;
  endOffset: bigint;
  object: RawObject | undefined;
  gaps: Gap[];
  /** attempt id of the `data` entry that published it; none for a loss that a person accepted */
  publication?: string;
};

/**
 * Pieces of an entry at and above `position`, in offset order. Pure. Claims and closes give none.
 * Exact rule R3: a position may lie inside an entry: offsets below it are skipped and gaps are counted from it.
 */
export function piecesOf(entry: ChainEntry, position: bigint): ChainPiece[] {
  if (entry.kind === 'claim' || entry.kind === 'close') return [];
  const { topicId, partition } = entry.source;
  const objects = entry.kind === 'data' ? entry.objects : [];
  const pieces: ChainPiece[] = [];
  let startOffset = entry.startOffset;
  const cut = (endOffset: bigint, object: RawObject | undefined) => {
    const range = clipFrom({ startOffset, endOffset }, position);
    if (range !== undefined)
      pieces.push({
        source: { topicId, partition },
        seq: entry.seq,
        ...range,
        object,
        gaps: clipGaps(entry.gaps, range.startOffset, range.endOffset),
        ...(entry.kind === 'data' ? { publication: entry.attemptId } : {}),
      });
    startOffset = endOffset;
  };
  // what follows the last object belongs to it, so that an entry of one object is one piece
  for (const [index, object] of objects.entries()) cut(index === objects.length - 1 ? entry.endOffset : object.endOffset, object);
  if (objects.length === 0) cut(entry.endOffset, undefined);
  return pieces;
}

/** Parts of the gaps inside `[startOffset, endOffset)`. Pure. */
export function clipGaps(gaps: readonly Gap[], startOffset: bigint, endOffset: bigint): Gap[] {
  const clipped: Gap[] = [];
  for (const gap of gaps) {
    const from = gap.startOffset > startOffset ? gap.startOffset : startOffset;
    const to = gap.endOffset < endOffset ? gap.endOffset : endOffset;
    if (from < to) clipped.push({ startOffset: from, endOffset: to, cause: gap.cause });
  }
  return clipped;
}

/** JSON bytes a piece brings, before compression. Pure. */
export const pieceBytes = (piece: ChainPiece): number => piece.object?.linesBytes ?? 0;
/** Records a piece brings at most (a clipped piece brings fewer). Pure. */
export const pieceRecords = (piece: ChainPiece): number => piece.object?.recordCount ?? 0;
