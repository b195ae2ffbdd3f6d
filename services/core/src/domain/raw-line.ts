import { MillraceError } from './errors.ts';

/** A record as landed. `value` null is a Kafka tombstone; empty bytes are an empty value; JSON `null` is the four bytes of it. */
export type DecodedRecord = {
  offset: bigint;
  /** ms since 1970; null for none or Kafka's −1 */
  timestamp: number | null;
  key: Uint8Array | null;
  headers: [name: string, value: Uint8Array | null][];
  value: Uint8Array | null;
  tombstone: boolean;
};

/** Where the value of a line is: JSON text as it arrived, base64 text, or nowhere. */
export type RawValueKind = 'value' | 'valueBase64' | 'tombstone';

const prefix = Buffer.from('{"offset":');
const timestampMember = Buffer.from(',"timestamp":');
const valueMember = Buffer.from('"value":');
const valueBase64Member = Buffer.from('"valueBase64":"');
const tombstoneMember = Buffer.from('"tombstone":true');
const quoteV = Buffer.from('"v');

/**
 * Walks the lines of a raw object (decompressed) without making anything per line: after `next()` its fields describe the current line.
 * `[valueStart, valueEnd)` are byte positions in the buffer: the JSON text, or the base64 text; empty for a tombstone.
 * @see docs/formats/raw.md
 */
export class RawLineCursor {
  readonly lines: Buffer;
  /** zero-based number of the line; −1 before the first `next()` */
  line = -1;
  /** `[lineStart, lineEnd)` of the line, LF not included */
  lineStart = 0;
  lineEnd = -1;
  kind: RawValueKind = 'tombstone';
  valueStart = 0;
  valueEnd = 0;
  /** ms since 1970; NaN for null */
  timestamp = Number.NaN;
  /** exact up to 2^53; `offset()` is always exact */
  offsetNumber = 0;
  #headEnd = 0;

  constructor(lines: Uint8Array) {
    this.lines = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength);
  }

  /** @returns false at the end  @throws kind `corrupt`, code `bad_raw_line` */
  next(): boolean {
    const start = this.lineEnd + 1;
    if (start >= this.lines.length) return false;
    this.line++;
    this.lineStart = start;
    this.lineEnd = this.lines.indexOf(0x0a, start);
    if (this.lineEnd < 0) throw this.#bad('it does not end with a line feed');
    this.#readHead();
    this.#findValue();
    return true;
  }

  /** The exact offset. */
  offset(): bigint {
    if (Number.isSafeInteger(this.offsetNumber)) return BigInt(this.offsetNumber);
    const from = this.lineStart + prefix.length;
    return BigInt(this.lines.toString('latin1', from, this.lines.indexOf(0x2c, from)));
  }

  /** Key and headers of the line, parsed. @throws kind `corrupt` */
  head(): Pick<DecodedRecord, 'key' | 'headers'> {
    const from = this.#headEnd;
    const to = this.kind === 'tombstone' ? this.lineEnd - 1 - tombstoneMember.length : this.#memberStart();
    try {
      const head = JSON.parse(`{${this.lines.toString('utf8', from, to - 1)}}`) as {
        key?: string | null;
        keyBase64?: string;
        headers?: [string, string | null | { base64: string }][];
      };
      return { key: keyBytes(head), headers: (head.headers ?? []).map(([name, value]) => [name, headerBytes(value)]) };
    } catch (cause) {
      throw this.#bad('its key or headers are not as they must be', cause);
    }
  }

  /** Bytes of the value as they came from Kafka; null for a tombstone. A view into the lines unless it was base64. */
  value(): Uint8Array | null {
    if (this.kind === 'tombstone') return null;
    if (this.kind === 'value') return this.lines.subarray(this.valueStart, this.valueEnd);
    return fromBase64(this.lines.toString('latin1', this.valueStart, this.valueEnd));
  }

  #memberStart(): number {
    return this.valueStart - (this.kind === 'value' ? valueMember.length : valueBase64Member.length);
  }

  #readHead(): void {
    if (!this.#standsAt(prefix, this.lineStart)) throw this.#bad('it does not begin with {"offset":');
    let at = this.lineStart + prefix.length;
    const digits = at;
    let number = 0;
    for (let digit = this.#digit(at); digit >= 0; digit = this.#digit(++at)) number = number * 10 + digit;
    if (at === digits || !this.#standsAt(timestampMember, at)) throw this.#bad('offset or timestamp is missing');
    this.offsetNumber = number;
    at += timestampMember.length;
    if (this.lines[at] === 0x6e) {
      this.timestamp = Number.NaN;
      at += 4;
    } else {
      const negative = this.lines[at] === 0x2d;
      if (negative) at++;
      let ms = 0;
      for (let digit = this.#digit(at); digit >= 0; digit = this.#digit(++at)) ms = ms * 10 + digit;
      this.timestamp = negative ? -ms : ms;
    }
    if (this.lines[at] !== 0x2c) throw this.#bad('its timestamp is not a number or null');
    this.#headEnd = at + 1;
  }

  #findValue(): void {
    const { lines, lineEnd } = this;
    if (lines[lineEnd - 1] !== 0x7d) throw this.#bad('it does not end with }');
    // no JSON text ends like this, so what ends like this has no value
    if (this.#standsAt(tombstoneMember, lineEnd - 1 - tombstoneMember.length)) {
      this.kind = 'tombstone';
      this.valueStart = this.valueEnd = lineEnd - 1;
      return;
    }
    // keys and headers hold no unescaped quote, so the first member of one of these names is ours
    for (let at = lines.indexOf(quoteV, this.#headEnd); at >= 0 && at < lineEnd; at = lines.indexOf(quoteV, at + 1)) {
      if (this.#standsAt(valueMember, at)) {
        this.kind = 'value';
        this.valueStart = at + valueMember.length;
        this.valueEnd = lineEnd - 1;
        return;
      }
      if (this.#standsAt(valueBase64Member, at)) {
        this.kind = 'valueBase64';
        this.valueStart = at + valueBase64Member.length;
        this.valueEnd = lineEnd - 2;
        return;
      }
    }
    throw this.#bad('it has no value');
  }

  /** The decimal digit at a position, or −1. */
  #digit(at: number): number {
    const digit = (this.lines[at] as number) - 0x30;
    return digit >= 0 && digit <= 9 ? digit : -1;
  }

  #standsAt(text: Buffer, at: number): boolean {
    for (let i = 0; i < text.length; i++) if (this.lines[at + i] !== text[i]) return false;
    return true;
  }

  #bad(why: string, cause?: unknown): MillraceError {
    return new MillraceError('corrupt', 'bad_raw_line', `line ${this.line} is not a raw line: ${why}`, { line: this.line }, cause);
  }
}

/**
 * Every record of a decompressed raw object, byte for byte, in line order. Pure. Values are views into `lines` where they stand there as they came.
 * @throws kind `corrupt`, code `bad_raw_line`
 */
export function* decodeRawLines(lines: Uint8Array): Generator<DecodedRecord> {
  const cursor = new RawLineCursor(lines);
  while (cursor.next()) {
    const { key, headers } = cursor.head();
    const timestamp = Number.isNaN(cursor.timestamp) ? null : cursor.timestamp;
    yield { offset: cursor.offset(), timestamp, key, headers, value: cursor.value(), tombstone: cursor.kind === 'tombstone' };
  }
}

function keyBytes(head: { key?: string | null; keyBase64?: string }): Uint8Array | null {
  if (typeof head.keyBase64 === 'string') return fromBase64(head.keyBase64);
  if (head.key === null) return null;
  if (typeof head.key !== 'string') throw new Error('no key');
  return Buffer.from(head.key);
}

function headerBytes(value: string | null | { base64: string }): Uint8Array | null {
  if (value === null) return null;
  return typeof value === 'string' ? Buffer.from(value) : fromBase64(value.base64);
}

function fromBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== (text.length / 4) * 3 - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0))
    throw new MillraceError('corrupt', 'bad_base64', 'not base64');
  return bytes;
}
