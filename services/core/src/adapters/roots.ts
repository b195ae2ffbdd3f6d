import { lstatSync, realpathSync, statfsSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isKind, MillraceError } from '../domain/errors.ts';
import { requireSeparateRoots } from '../domain/settings.ts';

/** statfs types of file systems of the kernel, in which no folder can be made: proc and sysfs. */
const kernelFileSystems = new Set([0x9fa0, 0x62656572]);

/**
 * Exact rule R2 for the folders as they really are: links are followed before the two roots are compared. Reads the disk, makes nothing.
 * @param tablesUrl undefined where a service does not know it; the raw root is then looked at alone
 * @throws kind `invalid`: code `nested_roots`, or `impossible_root` for a folder that can never be made or read
 */
export function requireUsableRoots(rawUrl: string, tablesUrl: string | undefined): void {
  const raw = realRoot('MILLRACE_RAW_URL', rawUrl);
  if (tablesUrl === undefined) return;
  const tables = realRoot('MILLRACE_TABLES_URL', tablesUrl);
  requireSeparateRoots(rawUrl, tablesUrl);
  try {
    requireSeparateRoots(raw, tables);
  } catch (error) {
    if (!isKind(error, 'invalid')) throw error;
    const links = `MILLRACE_RAW_URL ${rawUrl} is ${raw} and MILLRACE_TABLES_URL ${tablesUrl} is ${tables}`;
    throw new MillraceError('invalid', error.code, `${error.message} (With links followed, ${links}.)`, { rawUrl, tablesUrl });
  }
}

/**
 * The URL with every link in the part of the path that exists followed; a store that is no folder as it is.
 * @throws kind `invalid`, code `impossible_root`
 */
function realRoot(setting: string, url: string): string {
  if (!url.startsWith('file:')) return url;
  let path: string;
  try {
    path = fileURLToPath(url);
  } catch (cause) {
    throw impossible(setting, url, 'it names no folder of this machine', cause);
  }
  let there = path;
  try {
    while (!exists(there)) there = dirname(there);
    const real = realpathSync(there);
    if (!statSync(real).isDirectory()) throw impossible(setting, url, `${there} is a file`);
    if (there !== path && kernelFileSystems.has(statfsSync(real).type))
      throw impossible(setting, url, `no folder can be made in ${there}, which belongs to the kernel`);
    return pathToFileURL(join(real, relative(there, path))).href;
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code;
    if (errno === 'ENOENT') throw impossible(setting, url, `${there} is a link to nothing`, cause);
    if (errno === 'ELOOP') throw impossible(setting, url, `${there} is a link that leads back to itself`, cause);
    if (errno === 'EACCES') throw impossible(setting, url, `this user may not look into ${dirname(there)}`, cause);
    if (errno === 'ENAMETOOLONG') throw impossible(setting, url, 'the path is too long', cause);
    throw cause;
  }
}

/** Whether anything has the name, a link to nothing too. */
function exists(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code;
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return false;
    throw error;
  }
}

function impossible(setting: string, url: string, why: string, cause?: unknown): MillraceError {
  return new MillraceError(
    'invalid',
    'impossible_root',
    `${setting} (${url}) cannot be used: ${why}. Point it at a folder that exists or can be made.`,
    { setting, url },
    cause,
  );
}
