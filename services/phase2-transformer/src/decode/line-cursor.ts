import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { FastBuffer } from './fast-buffer.ts';
import { mayHideFraction } from './number-scan.ts';

export type LineKind = 'value' | 'valueBase64' | 'tombstone';

const quote = 0x22;
const closing = 0x7d;
const offsetPrefix = '{"offset":';
const timestampPrefix = ',"timestamp":';
const tombstoneSuffix = '"tombstone":true}';
const base64Member = '"valueBase64":"';

/**
 * Walks the lines of one raw object without making anything per line: after `next()` its fields tell of the current one.
 * Relies on the member order of docs/formats/raw.md; the value is what stands between the first `"value":` and the line's final `}`.
 */
export class LineCursor {
  kind: LineKind = 'value';
  /** zero-based within the raw object */
  line = -1;
  /** the offset when it is a safe integer, else NaN: ask `offsetBigInt` */
  offset = 0;
  /** ms since 1970, NaN for null */
  timestamp = 0;
  private readonly lines: FastBuffer;
  private readonly isAscii: boolean;
  private readonly rawObjectKey: string;
  private lineStart = 0;
  private lineEnd = -1;
  private digitsEnd = 0;
  private valueStart = 0;

  /** @param isAscii every byte is below 0x80: texts then come at memory speed */
  constructor(lines: FastBuffer, isAscii: boolean, rawObjectKey: string) {
    this.lines = lines;
    this.isAscii = isAscii;
    this.rawObjectKey = rawObjectKey;
  }

  /** Moves to the next line; false at the end. @throws kind `corrupt` when it is not a raw line */
  next(): boolean {
    const start = this.lineEnd + 1;
    if (start >= this.lines.length) return false;
    const end = this.lines.indexOf(10, start);
    if (end === -1) throw this.corrupt('its last line has no LF');
    this.lineStart = start;
    this.lineEnd = end;
    this.line++;
    this.readOffset();
    this.readTimestamp();
    this.findValue();
    return true;
  }

  offsetBigInt(): bigint {
    return BigInt(this.lines.latin1Slice(this.lineStart + offsetPrefix.length, this.digitsEnd));
  }

  /** The value's JSON text, or its base64. */
  text(): string {
    if (this.kind === 'valueBase64') return this.lines.latin1Slice(this.valueStart, this.lineEnd - 2);
    return this.isAscii
      ? this.lines.latin1Slice(this.valueStart, this.lineEnd - 1)
      : this.lines.utf8Slice(this.valueStart, this.lineEnd - 1);
  }

  /** Whether the value may hold a fraction that a plain parse takes for an integer; base64 is not looked into. */
  mayHideFraction(): boolean {
    return this.kind !== 'value' || mayHideFraction(this.lines, this.valueStart, this.lineEnd - 1);
  }

  private readOffset(): void {
    const { lines } = this;
    let at = this.lineStart + offsetPrefix.length;
    let value = 0;
    for (let digit = (lines[at] as number) - 48; digit >= 0 && digit <= 9; digit = (lines[++at] as number) - 48) value = value * 10 + digit;
    if (at === this.lineStart + offsetPrefix.length || lines[this.lineStart + 2] !== 0x6f || lines[at] !== 0x2c)
      throw this.corrupt('no offset');
    this.digitsEnd = at;
    this.offset = Number.isSafeInteger(value) ? value : Number.NaN;
  }

  private readTimestamp(): void {
    const { lines } = this;
    let at = this.digitsEnd + timestampPrefix.length;
    if (lines[this.digitsEnd + 2] !== 0x74) throw this.corrupt('no timestamp');
    if (lines[at] === 0x6e) {
      this.timestamp = Number.NaN;
      this.valueStart = at + 4;
      return;
    }
    const sign = lines[at] === 0x2d ? -1 : 1;
    if (sign === -1) at++;
    let value = 0;
    for (let digit = (lines[at] as number) - 48; digit >= 0 && digit <= 9; digit = (lines[++at] as number) - 48) value = value * 10 + digit;
    this.timestamp = sign * value;
    this.valueStart = at;
  }

  private findValue(): void {
    const { lines, lineEnd } = this;
    if (lines[lineEnd - 1] !== closing) throw this.corrupt('a line does not end with }');
    // a value cannot end in an unclosed member, so the line's end decides
    if (
      lines[lineEnd - 2] === 0x65 &&
      lines.latin1Slice(Math.max(this.valueStart, lineEnd - tombstoneSuffix.length), lineEnd) === tombstoneSuffix
    ) {
      this.kind = 'tombstone';
      return;
    }
    for (let at = this.valueStart; at < lineEnd - 8; at++) {
      if (
        lines[at] !== quote ||
        lines[at + 1] !== 0x76 ||
        lines[at + 2] !== 0x61 ||
        lines[at + 3] !== 0x6c ||
        lines[at + 4] !== 0x75 ||
        lines[at + 5] !== 0x65
      )
        continue;
      if (lines[at + 6] === quote && lines[at + 7] === 0x3a) {
        this.kind = 'value';
        this.valueStart = at + 8;
        return;
      }
      if (lines[at + 6] === 0x42 && lines.latin1Slice(at, at + base64Member.length) === base64Member) {
        this.kind = 'valueBase64';
        this.valueStart = at + base64Member.length;
        return;
      }
    }
    throw this.corrupt('a line has no value');
  }

  private corrupt(what: string): MillraceError {
    return new MillraceError('corrupt', 'raw_line_unreadable', `raw object ${this.rawObjectKey}, line ${this.line}: ${what}`, {
      rawObject: this.rawObjectKey,
      line: this.line,
    });
  }
}
