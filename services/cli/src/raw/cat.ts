import { RawLineCursor } from '@millrace/core/domain/raw-line.ts';

/**
 * The part of an object's lines whose offsets lie in `[from, to)`. Pure. Offsets rise along an object, so it is one piece: a view, nothing is copied.
 * @throws kind `corrupt`, code `bad_raw_line`
 */
export function linesWithin(lines: Uint8Array, from: bigint, to: bigint | undefined): Uint8Array {
  const cursor = new RawLineCursor(lines);
  let start = -1;
  let end = 0;
  while (cursor.next()) {
    const offset = cursor.offset();
    if (offset < from) continue;
    if (to !== undefined && offset >= to) break;
    if (start < 0) start = cursor.lineStart;
    end = cursor.lineEnd + 1;
  }
  return start < 0 ? lines.subarray(0, 0) : lines.subarray(start, end);
}

/** Values handed out at a time, bytes: one write for many small ones. */
const chunkBytes = 64 * 1024;

const lineFeed = Buffer.from('\n');

/** Values of lines as Kafka had them, each with a line feed behind it, in pieces for writing. A tombstone has none and is left out. Pure. */
export function* valuesOf(lines: Uint8Array): Generator<Uint8Array> {
  const cursor = new RawLineCursor(lines);
  let pieces: Uint8Array[] = [];
  let bytes = 0;
  while (cursor.next()) {
    const value = cursor.value();
    if (value === null) continue;
    pieces.push(value, lineFeed);
    bytes += value.length + 1;
    if (bytes < chunkBytes) continue;
    yield Buffer.concat(pieces, bytes);
    pieces = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(pieces, bytes);
}
