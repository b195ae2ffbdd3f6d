import { MillraceError } from './errors.ts';

/** S3's bound on a whole key; we hold files to it too, so that a lake can move between stores. */
export const keyBytesMax = 1024;
/** Bound of one `/`-separated segment: what file systems, and S3 servers that stand on them, can name. */
export const keySegmentBytesMax = 255;

/**
 * A key or path as it may be shown in messages: what a table is split by is record data, so of folders named `column=value` only the column stays. Pure.
 */
export function printableKey(path: string): string {
  return path.replace(/(?<=^|\/)([^/=]+)=[^/]+(?=\/)/g, '$1=…');
}

/**
 * Refuses what is not a key of ours: empty, beginning or ending with `/`, with empty, `.` or `..` segments (no key escapes its root),
 * with control characters or lone surrogates (no XML listing carries them), or too long. Pure.
 * @throws kind `invalid`, code `bad_key`, `key_segment_too_long` or `key_too_long`
 */
export function checkKey(key: string, prefixBytes = 0): void {
  const shown = printableKey(key);
  const bad = (why: string) =>
    new MillraceError('invalid', 'bad_key', `not an object key (${why}): ${JSON.stringify(shown.slice(0, 200))}`, {
      key: shown.slice(0, 200),
    });
  if (key === '') throw bad('empty');
  if (hasControlCharacter(key)) throw bad('control character');
  if (!key.isWellFormed()) throw bad('lone surrogate');
  for (const segment of key.split('/')) {
    if (segment === '' || segment === '.' || segment === '..') throw bad('empty, "." or ".." segment');
    if (segment.length * 3 > keySegmentBytesMax && Buffer.byteLength(segment) > keySegmentBytesMax)
      throw new MillraceError(
        'invalid',
        'key_segment_too_long',
        `a segment of the object key has ${Buffer.byteLength(segment)} bytes; at most ${keySegmentBytesMax} can be stored: ${JSON.stringify(segment.replace(/=.*/s, '=').slice(0, 60))}… in ${JSON.stringify(shown.slice(0, 100))}…`,
        { key: shown.slice(0, 200), segmentBytes: Buffer.byteLength(segment) },
      );
  }
  const bytes = prefixBytes + Buffer.byteLength(key);
  if (bytes > keyBytesMax)
    throw new MillraceError(
      'invalid',
      'key_too_long',
      `the object key has ${bytes} bytes; at most ${keyBytesMax} can be stored: ${JSON.stringify(shown.slice(0, 100))}…`,
      {
        key: shown.slice(0, 200),
        keyBytes: bytes,
      },
    );
}

function hasControlCharacter(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit === 0x7f) return true;
  }
  return false;
}

/**
 * Order of two keys by their UTF-8 bytes, as object stores list them. Pure.
 * UTF-16 order differs in one place only: surrogates (U+10000 and up) sort below U+E000 … U+FFFF.
 */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return byteRank(x) - byteRank(y);
  }
  return a.length - b.length;
}

function byteRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x10000 : unit;
}
