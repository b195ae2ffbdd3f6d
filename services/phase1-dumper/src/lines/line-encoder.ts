import { isUtf8 } from 'node:buffer';
import { judgeJson } from './json-validator.ts';

/** One header; names that come as bytes and are not UTF-8 get U+FFFD, because a raw line has text for them. */
export type Header = readonly [name: string | Uint8Array, value: Uint8Array | string | null];

const bufferBytesMin = 64 * 1024;
/** A buffer that grew beyond this for huge records is not kept over a `take`. */
const bufferBytesKept = 4 * 2 ** 20;
/** Share of a grown buffer above which it is handed over without a copy. */
const wellFilled = 0.9;
/** Base64 is written in pieces of whole triples, so that no huge string is made. */
const base64PieceBytes = 3 * 2 ** 16;

const offsetMember = Buffer.from('{"offset":');
const timestampMember = Buffer.from(',"timestamp":');
const nullText = Buffer.from('null');
const keyMember = Buffer.from('"key":');
const nullKey = Buffer.from('"key":null,');
const keyBase64Member = Buffer.from('"keyBase64":"');
const headersMember = Buffer.from('"headers":[');
const valueMember = Buffer.from('"value":');
const valueBase64Member = Buffer.from('"valueBase64":"');
const tombstoneMember = Buffer.from('"tombstone":true}\n');
const base64Object = Buffer.from('{"base64":"');

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const lineFeed = 0x0a;
const closingBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/**
 * Writes finished raw lines (docs/formats/raw.md) into one growing buffer. Values are judged and copied, never parsed or written anew.
 * Synchronous; makes no object per record beyond one short text.
 */
export class LineEncoder {
  #buffer = Buffer.allocUnsafeSlow(bufferBytesMin);
  #bytes = 0;

  /** Size of the lines not yet taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Adds one record as one line.
   * @param timestampMs Kafka's; null and −1 are written as null
   * @param key null = no key; bytes that are not UTF-8 travel as base64
   * @param headers in Kafka's order, repeated names and all; null or none = left out
   * @param value null = a Kafka tombstone; zero bytes = an empty value; what cannot stand in a line travels as base64
   */
  append(
    offset: bigint | number,
    timestampMs: number | null,
    key: Uint8Array | null,
    headers: readonly Header[] | null,
    value: Uint8Array | null,
  ): void {
    this.#reserve(128 + (key === null ? 0 : textBytesMax(key.length)));
    this.#copy(offsetMember);
    this.#integer(offset);
    this.#copy(timestampMember);
    if (timestampMs === null || timestampMs === -1) this.#copy(nullText);
    else this.#integer(timestampMs);
    this.#byte(comma);
    this.#key(key);
    if (headers !== null && headers.length > 0) this.#headers(headers);
    this.#value(value);
  }

  /** Hands over all lines and begins anew. The bytes belong to the caller. */
  take(): Uint8Array {
    const bytes = this.#bytes;
    this.#bytes = 0;
    if (this.#buffer.length > bufferBytesKept) {
      const grown = this.#buffer;
      this.#buffer = Buffer.allocUnsafeSlow(bufferBytesMin);
      // not kept, so it may go as it is: one huge record need not be there twice. Hardly more than it is counted as
      if (bytes > wellFilled * grown.length) return new Uint8Array(grown.buffer, grown.byteOffset, bytes);
      return new Uint8Array(grown.subarray(0, bytes));
    }
    const lines = new Uint8Array(bytes);
    lines.set(this.#buffer.subarray(0, bytes));
    return lines;
  }

  #key(key: Uint8Array | null): void {
    if (key === null) {
      this.#copy(nullKey);
      return;
    }
    if (isText(key)) {
      this.#copy(keyMember);
      this.#text(key);
    } else {
      this.#copy(keyBase64Member);
      this.#base64(key);
      this.#byte(quote);
    }
    this.#byte(comma);
  }

  #headers(headers: readonly Header[]): void {
    this.#reserve(headersMember.length + 2);
    this.#copy(headersMember);
    for (let i = 0; i < headers.length; i++) {
      const [name, value] = headers[i] as Header;
      const nameBytes = typeof name === 'string' ? Buffer.from(name) : isUtf8(name) ? name : Buffer.from(new TextDecoder().decode(name));
      const valueBytes = typeof value === 'string' ? Buffer.from(value) : value;
      this.#reserve(32 + textBytesMax(nameBytes.length) + textBytesMax(valueBytes?.length ?? 0));
      if (i > 0) this.#byte(comma);
      this.#byte(openBracket);
      this.#text(nameBytes);
      this.#byte(comma);
      if (valueBytes === null) this.#copy(nullText);
      else if (isText(valueBytes)) this.#text(valueBytes);
      else {
        this.#copy(base64Object);
        this.#base64(valueBytes);
        this.#byte(quote);
        this.#byte(closingBrace);
      }
      this.#byte(closeBracket);
    }
    this.#reserve(2);
    this.#byte(closeBracket);
    this.#byte(comma);
  }

  #value(value: Uint8Array | null): void {
    if (value === null) {
      this.#reserve(tombstoneMember.length);
      this.#copy(tombstoneMember);
      return;
    }
    if (judgeJson(value) === 'embeddable') {
      this.#reserve(valueMember.length + value.length + 2);
      this.#copy(valueMember);
      this.#copy(value);
    } else {
      this.#reserve(valueBase64Member.length + base64Bytes(value.length) + 3);
      this.#copy(valueBase64Member);
      this.#base64(value);
      this.#byte(quote);
    }
    this.#byte(closingBrace);
    this.#byte(lineFeed);
  }

  /** A JSON string of UTF-8 bytes; room must be reserved. Only what JSON demands is escaped. */
  #text(text: Uint8Array): void {
    const buffer = this.#buffer;
    let at = this.#bytes;
    buffer[at++] = quote;
    for (let i = 0; i < text.length; i++) {
      const byte = text[i] as number;
      if (byte >= 0x20 && byte !== quote && byte !== backslash) buffer[at++] = byte;
      else if (byte >= 0x20) {
        buffer[at++] = backslash;
        buffer[at++] = byte;
      } else at += buffer.write(`\\u00${byte < 16 ? '0' : ''}${byte.toString(16)}`, at, 'latin1');
    }
    buffer[at++] = quote;
    this.#bytes = at;
  }

  /** Decimal digits; room must be reserved. Digit by digit: a text per record would cost more than all the rest of its head. */
  #integer(value: bigint | number): void {
    const n = Number(value);
    if (!(n >= 0 && n <= Number.MAX_SAFE_INTEGER)) {
      this.#bytes += this.#buffer.write(value.toString(), this.#bytes, 'latin1');
      return;
    }
    const high = Math.floor(n / 1e8);
    let digits = 1;
    for (let bound = 10; bound <= n; bound *= 10) digits++;
    let at = this.#bytes + digits;
    this.#bytes = at;
    // 32-bit arithmetic in halves of eight digits
    let low = n - high * 1e8;
    for (let i = 0; i < 8 && i < digits; i++) {
      const tenth = (low / 10) | 0;
      this.#buffer[--at] = 0x30 + low - tenth * 10;
      low = tenth;
    }
    let rest = high;
    for (let i = 8; i < digits; i++) {
      const tenth = (rest / 10) | 0;
      this.#buffer[--at] = 0x30 + rest - tenth * 10;
      rest = tenth;
    }
  }

  /** Base64 with padding; room must be reserved. */
  #base64(bytes: Uint8Array): void {
    const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < source.length; i += base64PieceBytes)
      this.#bytes += this.#buffer.write(source.toString('base64', i, Math.min(i + base64PieceBytes, source.length)), this.#bytes, 'latin1');
  }

  #byte(byte: number): void {
    this.#buffer[this.#bytes++] = byte;
  }

  /** Room must be reserved. */
  #copy(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#bytes);
    this.#bytes += bytes.length;
  }

  #reserve(bytes: number): void {
    const needed = this.#bytes + bytes;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length));
    grown.set(this.#buffer.subarray(0, this.#bytes));
    this.#buffer = grown;
  }
}

/** Is it UTF-8? Keys and header values are mostly short ASCII: those are seen here, without a call into native code. */
function isText(bytes: Uint8Array): boolean {
  if (bytes.length > 64) return isUtf8(bytes);
  for (let i = 0; i < bytes.length; i++) if ((bytes[i] as number) >= 0x80) return isUtf8(bytes);
  return true;
}

/** Room a text or its base64 may take with its quotes: every byte as `\u00xx`. */
function textBytesMax(bytes: number): number {
  return 6 * bytes + 8;
}

function base64Bytes(bytes: number): number {
  return 4 * Math.ceil(bytes / 3);
}
