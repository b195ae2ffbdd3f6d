import { fileURLToPath } from 'node:url';
import { MillraceError } from '../domain/errors.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { FileStore } from './file/file-store.ts';
import type { S3Connection } from './s3/s3-client.ts';
import { S3Store } from './s3/s3-store.ts';
import { systemRandom } from './system/random.ts';

/**
 * Opens the store a URL names: `s3://bucket/prefix` or `file:///absolute/folder`. Nothing is sent or made yet.
 * @param s3 what the AWS SDK's variables do not say; ignored for files
 * @throws kind `invalid`, code `bad_store_url`
 */
export function openObjectStore(url: string, s3: S3Connection = {}): ObjectStore {
  const inBucket = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(url);
  if (inBucket !== null) return new S3Store(inBucket[1] ?? '', (inBucket[2] ?? '').replace(/^\/+|\/+$/g, ''), s3);
  if (url.startsWith('file:///')) {
    try {
      return new FileStore(fileURLToPath(url), systemRandom.ulid);
    } catch (cause) {
      throw new MillraceError('invalid', 'bad_store_url', `${url} names no folder of this machine`, { url }, cause);
    }
  }
  throw new MillraceError('invalid', 'bad_store_url', `${url} is not a store: write s3://bucket/prefix or file:///absolute/folder`, {
    url,
  });
}
