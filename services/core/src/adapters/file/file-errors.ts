import { describeError, type ErrorFields, MillraceError } from '../../domain/errors.ts';
import { printableKey } from '../../domain/object-key.ts';

const advice: Record<string, [kind: 'invalid' | 'unavailable', code: string, text: string]> = {
  ENOSPC: ['unavailable', 'disk_full', 'the disk is full; free some space'],
  EDQUOT: ['unavailable', 'disk_full', 'the disk quota is used up; free some space or raise it'],
  EROFS: ['invalid', 'read_only', 'the file system is mounted read-only; mount it writable or point at another folder'],
  EACCES: ['invalid', 'no_permission', 'this user may not do that; check owner and mode of the folder'],
  EPERM: [
    'invalid',
    'no_permission',
    'this user or this file system does not allow that (hard links are needed); check owner and mode, or use a local disk',
  ],
  EXDEV: ['invalid', 'crosses_file_systems', 'the folder spans two file systems; every folder below the root must be on one'],
  ENOTSUP: ['invalid', 'links_unsupported', 'this file system has no hard links; use a local disk'],
  ENOSYS: ['invalid', 'links_unsupported', 'this file system has no hard links; use a local disk'],
  EMLINK: ['invalid', 'links_unsupported', 'this file system allows no second link to a file; use a local disk'],
  ENOTDIR: ['invalid', 'key_is_folder', 'a part of the path is a file; an object key may not continue another one'],
  EISDIR: ['invalid', 'key_is_folder', 'there is a folder of that name; an object key may not be the beginning of another one'],
  ENOTEMPTY: ['invalid', 'key_is_folder', 'there is a folder of that name; an object key may not be the beginning of another one'],
  ENAMETOOLONG: ['invalid', 'key_segment_too_long', 'the file system cannot name it: too long'],
  EMFILE: ['unavailable', 'too_many_files', 'too many open files; raise the limit (ulimit -n)'],
  ENFILE: ['unavailable', 'too_many_files', 'too many open files on this machine'],
};

/** What the operating system said, as one of our errors that says what to do. Pure. Errors of ours pass through. */
export function fileError(doing: string, path: string, error: unknown, fields: ErrorFields = {}): MillraceError {
  if (error instanceof MillraceError) return error;
  const errno = (error as NodeJS.ErrnoException | null)?.code ?? '';
  const [kind, code, text] = advice[errno] ?? ['unavailable', 'file_io', printableKey(describeError(error))];
  const shown = printableKey(path);
  const message = `${doing} ${shown}: ${text}${errno === '' ? '' : ` (${errno})`}`;
  return new MillraceError(kind, code, message, { path: shown, errno, ...fields }, shown === path ? error : printableCause(error));
}

/** The operating system's error names the path too. */
function printableCause(error: unknown): Error {
  const cause = new Error(printableKey(describeError(error)));
  return Object.assign(cause, { code: (error as NodeJS.ErrnoException | null)?.code });
}

/** True when the error says that there is nothing at the path. Pure. */
export function isMissing(error: unknown): boolean {
  const errno = (error as NodeJS.ErrnoException | null)?.code;
  return errno === 'ENOENT' || errno === 'ENOTDIR';
}
