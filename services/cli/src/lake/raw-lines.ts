import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { zstdDecompress, zstdDecompressSync } from 'node:zlib';
import type { RawObject } from '@millrace/core/domain/chain.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';

const decompress = promisify(zstdDecompress);
/** Below this many bytes of lines a trip to another thread costs more than the work. */
const smallLinesBytes = 64 * 1024;

/**
 * The lines of a raw object, after its size and SHA-256 were compared with the chain. Memory: one raw object.
 * @throws kind `corrupt`, code `raw_object_missing`, `raw_object_changed` or `raw_object_unreadable`; as the store when it is away
 */
export async function readRawLines(raw: ObjectStore, object: RawObject): Promise<Uint8Array> {
  const { key } = object;
  const stored = await raw.get(key);
  if (stored === undefined) throw new MillraceError('corrupt', 'raw_object_missing', `${key} is in the chain but is not there`, { key });
  const sha256 = createHash('sha256').update(stored).digest('hex');
  if (sha256 !== object.sha256 || stored.byteLength !== object.bytes)
    throw new MillraceError(
      'corrupt',
      'raw_object_changed',
      `${key} has ${stored.byteLength} bytes and SHA-256 ${sha256}, the chain says ${object.bytes} and ${object.sha256}`,
      { key },
    );
  try {
    const bounds = { maxOutputLength: object.linesBytes + 1 };
    return object.linesBytes <= smallLinesBytes ? zstdDecompressSync(stored, bounds) : await decompress(stored, bounds);
  } catch (cause) {
    throw new MillraceError('corrupt', 'raw_object_unreadable', `${key} cannot be decompressed`, { key }, cause);
  }
}
