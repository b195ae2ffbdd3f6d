import { constants } from 'node:fs';
import { link, lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MillraceError } from '../../domain/errors.ts';
import { fileError } from './file-errors.ts';

/** Hidden folder directly below the root, so on the same file system: files being written. Not part of the key space. */
export const tempFolder = '.millrace-tmp';
/** A file left in the temp folder longer than this belongs to a writer that died. */
const tempAgeMsMax = 24 * 60 * 60 * 1000;
/** Folders known to be durable; forgotten all at once beyond this. */
const knownFoldersMax = 10_000;
/** How often a folder that vanished between making and linking is made again. */
const folderAttemptsMax = 5;

/**
 * Writes complete files below a root: bytes into a temp file, fsync, then one atomic step to the final name, fsync of its folder.
 * Dying anywhere leaves a reader with the whole file or none; what may stay is a temp file, swept after a day by the next writer.
 */
export class DurableWriter {
  readonly #root: string;
  readonly #tempName: () => string;
  readonly #known = new Set<string>();
  #ready: Promise<void> | undefined;

  /** @param tempName gives a file name no other process gives */
  constructor(root: string, tempName: () => string) {
    this.#root = root;
    this.#tempName = tempName;
  }

  /**
   * `link(2)` of the finished temp file: the one step that makes it true, and only one of many racers gets it. Both answers are durable.
   * @throws MillraceError; `fields.outcome` is `not_applied` before the link, `unknown` after it (the folder's fsync failed); for a name already there `not_applied` too
   */
  async create(path: string, body: Uint8Array): Promise<'created' | 'exists'> {
    let linked = false;
    try {
      return await this.#withTemp(body, async (temp) => {
        try {
          await this.#inFolder(path, () => link(temp, path));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
          if ((await lstat(path)).isDirectory())
            throw new MillraceError(
              'invalid',
              'key_is_folder',
              `cannot create ${path}: there is a folder of that name; an object key may not be the beginning of another one`,
              { path },
            );
          await syncFolder(dirname(path)); // the one who linked it may have died before its fsync, and the caller builds on the name
          return 'exists';
        }
        linked = true;
        await syncFolder(dirname(path));
        return 'created';
      });
    } catch (error) {
      throw fileError('cannot create', path, error, {
        outcome: linked ? 'unknown' : 'not_applied',
      });
    }
  }

  /** `rename(2)` over whatever is there. Idempotent. */
  async replace(path: string, body: Uint8Array): Promise<void> {
    try {
      await this.#withTemp(body, async (temp) => {
        await this.#inFolder(path, () => rename(temp, path));
        await syncFolder(dirname(path));
      });
    } catch (error) {
      throw fileError('cannot write', path, error);
    }
  }

  async #withTemp<T>(body: Uint8Array, use: (temp: string) => Promise<T>): Promise<T> {
    this.#ready ??= this.#prepare();
    await this.#ready.catch((error) => {
      this.#ready = undefined;
      throw error;
    });
    const temp = join(this.#root, tempFolder, this.#tempName());
    try {
      const file = await open(temp, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o644).catch((error) => {
        this.#ready = undefined; // the temp folder may be gone: the next call makes it again
        throw error;
      });
      try {
        await file.writeFile(body);
        await file.sync();
      } finally {
        await file.close();
      }
      return await use(temp);
    } finally {
      await rm(temp, { force: true }).catch(() => undefined);
    }
  }

  async #prepare(): Promise<void> {
    const folder = join(this.#root, tempFolder);
    await makeFolders(folder);
    for (const name of await readdir(folder)) {
      const path = join(folder, name);
      const age = await stat(path).then(
        (info) => Date.now() - info.mtimeMs,
        () => 0,
      );
      if (age > tempAgeMsMax) await rm(path, { force: true });
    }
  }

  async #inFolder(path: string, step: () => Promise<void>): Promise<void> {
    const folder = dirname(path);
    for (let attempt = 1; ; attempt++) {
      try {
        if (!this.#known.has(folder)) {
          await this.#makeDurable(folder);
          if (this.#known.size >= knownFoldersMax) this.#known.clear();
          this.#known.add(folder);
        }
        return await step();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === folderAttemptsMax) throw error;
        this.#known.clear(); // somebody cleaned up empty folders
      }
    }
  }

  /** Makes the folder and fsyncs every one from it up to the root: another process may have made it without having come to its fsync. */
  async #makeDurable(folder: string): Promise<void> {
    await makeFolders(folder);
    for (let at = dirname(folder); at.length >= this.#root.length; at = dirname(at)) await syncFolder(at);
  }
}

/** Makes a folder and what is missing above it, each durable in its parent. Not Node's recursive mkdir, which never returns where nothing can be made (`/proc`). */
async function makeFolders(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code;
    if (errno === 'EEXIST') {
      if ((await stat(folder)).isDirectory()) return;
      throw Object.assign(new Error('a file stands where a folder is needed', { cause: error }), { code: 'ENOTDIR' });
    }
    if (errno !== 'ENOENT' || dirname(folder) === folder) throw error;
    await makeFolders(dirname(folder));
    await mkdir(folder).catch((again) => {
      if ((again as NodeJS.ErrnoException).code !== 'EEXIST') throw again;
    });
  }
  await syncFolder(dirname(folder));
}

async function syncFolder(folder: string): Promise<void> {
  let handle: Awaited<ReturnType<typeof open>> | undefined;
  try {
    handle = await open(folder, constants.O_RDONLY);
    await handle.sync();
  } catch (error) {
    // some file systems (FUSE, SMB) know no fsync of folders: nothing more can be asked of them
    if (!['EINVAL', 'ENOTSUP', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await handle?.close();
  }
}
