import { open, rm, stat } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MillraceError } from '../../domain/errors.ts';
import { checkKey } from '../../domain/object-key.ts';
import type { ObjectInfo, ObjectStore, PutIfAbsentResult } from '../../ports/object-store.ts';
import { DurableWriter, tempFolder } from './durable-write.ts';
import { fileError, isMissing } from './file-errors.ts';
import { listFolder } from './list-folder.ts';

/** One read(2) at most: Linux cuts reads near 2 GiB. */
const readBytesMax = 1 << 30;

/**
 * The object store on a local directory: the embedded default for one machine.
 * Put-if-absent is `link(2)` of a fully written, fsynced file, so many processes of one host may share the directory; network file systems are not for this.
 * Folders are made as needed, the root too, and never removed. The operating system offers no deadlines: calls look at the signal between steps.
 * @see formats: object stores section 2
 */
export class FileStore implements ObjectStore {
  readonly url: string;
  readonly #root: string;
  readonly #writer: DurableWriter;

  /** @param root absolute path  @param tempName gives a file name no other process gives */
  constructor(root: string, tempName: () => string) {
    if (!isAbsolute(root))
      throw new MillraceError('invalid', 'bad_store_url', `a file store needs an absolute path, not ${JSON.stringify(root)}`, { root });
    this.#root = resolve(root);
    this.url = pathToFileURL(this.#root).href;
    this.#writer = new DurableWriter(this.#root, tempName);
  }

  async putIfAbsent(key: string, body: Uint8Array, signal?: AbortSignal): Promise<PutIfAbsentResult> {
    return this.#writer.create(this.#path(key, signal), body);
  }

  async put(key: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    await this.#writer.replace(this.#path(key, signal), body);
  }

  async get(
    key: string,
    options: {
      range?: { start: number; end: number };
      signal?: AbortSignal;
    } = {},
  ): Promise<Uint8Array | undefined> {
    const path = this.#path(key, options.signal);
    try {
      const file = await open(path, 'r');
      try {
        const info = await file.stat();
        if (info.isDirectory()) return undefined;
        const start = Math.min(options.range?.start ?? 0, info.size);
        const end = Math.max(start, Math.min(options.range?.end ?? info.size, info.size));
        const bytes = new Uint8Array(end - start);
        for (let at = 0; at < bytes.length; ) {
          options.signal?.throwIfAborted();
          const { bytesRead } = await file.read(bytes, at, Math.min(bytes.length - at, readBytesMax), start + at);
          if (bytesRead === 0)
            throw new MillraceError('corrupt', 'short_body', `${path} ended after ${start + at} of ${info.size} bytes`, { path });
          at += bytesRead;
        }
        return bytes;
      } finally {
        await file.close();
      }
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw fileError('cannot read', path, error);
    }
  }

  async head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    const path = this.#path(key, signal);
    try {
      const info = await stat(path);
      return info.isFile() ? { key, bytes: info.size, lastModifiedMs: Math.floor(info.mtimeMs) } : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw fileError('cannot read', path, error);
    }
  }

  async list(prefix: string, options: { startAfter?: string; limit?: number; signal?: AbortSignal } = {}): Promise<ObjectInfo[]> {
    const folder = prefix.slice(0, prefix.lastIndexOf('/'));
    if (prefix.includes('/')) checkKey(folder);
    try {
      options.signal?.throwIfAborted();
      return await listFolder(
        this.#root,
        prefix,
        options.startAfter ?? '',
        Math.min(options.limit ?? 1000, 1000),
        tempFolder,
        options.signal,
      );
    } catch (error) {
      throw fileError('cannot list', join(this.#root, folder), error);
    }
  }

  async delete(key: string, signal?: AbortSignal): Promise<void> {
    const path = this.#path(key, signal);
    try {
      await rm(path);
    } catch (error) {
      if (!isMissing(error)) throw fileError('cannot delete', path, error);
    }
  }

  async close(): Promise<void> {}

  #path(key: string, signal: AbortSignal | undefined): string {
    if (signal?.aborted)
      throw new MillraceError('unavailable', 'aborted', `stopped before touching ${key}`, { key, outcome: 'not_applied' }, signal.reason);
    checkKey(key);
    if (key.startsWith(`${tempFolder}/`)) throw new MillraceError('invalid', 'bad_key', `keys below ${tempFolder}/ are reserved`, { key });
    return join(this.#root, key);
  }
}
