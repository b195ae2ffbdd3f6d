import { isAscii } from 'node:buffer';
import { createHash } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { RawLineCursor } from '@millrace/core/domain/raw-line.ts';
import { type FastBuffer, fastBuffer } from './fast-buffer.ts';

/** The lines of a raw object. `isAscii`: every byte is below 0x80, so that texts come at memory speed. */
export type OpenObject = { cursor: RawLineCursor; bytes: FastBuffer; isAscii: boolean };

/**
 * Checks a raw object against its chain entry and opens its lines. Pure.
 * @param linesBytes size of the lines by the chain entry: bounds the decompression
 * @throws kind `corrupt` when hash, compression or size are not what was written
 */
export function openRawObject(rawObjectKey: string, bytes: Uint8Array, sha256: string, linesBytes: number): OpenObject {
  const actual = createHash('sha256').update(bytes).digest('hex');
  if (actual !== sha256)
    throw new MillraceError(
      'corrupt',
      'raw_object_hash',
      `raw object ${rawObjectKey} has SHA-256 ${actual}, its chain entry says ${sha256}`,
      { rawObject: rawObjectKey },
    );
  let lines: Buffer;
  try {
    lines = zstdDecompressSync(bytes, { maxOutputLength: linesBytes });
  } catch (cause) {
    throw new MillraceError(
      'corrupt',
      'raw_object_unreadable',
      `raw object ${rawObjectKey} cannot be decompressed to ${linesBytes} bytes`,
      { rawObject: rawObjectKey },
      cause,
    );
  }
  if (lines.length !== linesBytes)
    throw new MillraceError(
      'corrupt',
      'raw_object_size',
      `raw object ${rawObjectKey} holds ${lines.length} bytes of lines, its chain entry says ${linesBytes}`,
      { rawObject: rawObjectKey },
    );
  return { cursor: new RawLineCursor(lines), bytes: fastBuffer(lines), isAscii: isAscii(lines) };
}
