import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';

const compress = promisify(zstdCompress);
const zstd = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** One zstd frame of raw lines, at the level that keeps up with Kafka; on a thread of the pool. */
export function compressLines(lines: Uint8Array): Promise<Uint8Array> {
  return compress(lines, zstd);
}
