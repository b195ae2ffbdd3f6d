/*
 * As much of Kafka's wire format as a proxy needs: reading past what it leaves alone, replacing what it changes.
 */

export const apis = { fetch: 1, metadata: 3, findCoordinator: 10, apiVersions: 18, describeCluster: 60 } as const;

/** Newest versions that the proxy understands: what brokers offer beyond is hidden from clients. */
export const versionsMax: ReadonlyMap<number, number> = new Map([
  // above, answers name new leaders by addresses of their own
  [0, 9],
  [apis.fetch, 15],
  [apis.metadata, 13],
  [apis.findCoordinator, 6],
  [apis.describeCluster, 1],
]);

/** A cursor over one response. `flexible`: compact lengths and tagged fields. */
export class Reader {
  readonly bytes: Buffer;
  readonly flexible: boolean;
  at: number;

  constructor(bytes: Buffer, at: number, flexible: boolean) {
    this.bytes = bytes;
    this.at = at;
    this.flexible = flexible;
  }

  skip(bytes: number): this {
    this.at += bytes;
    return this;
  }

  int16(): number {
    this.at += 2;
    return this.bytes.readInt16BE(this.at - 2);
  }

  int32(): number {
    this.at += 4;
    return this.bytes.readInt32BE(this.at - 4);
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes.readUInt8(this.at++);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  /** Length of a nullable string (classic: int16), array or byte string (classic: int32); −1 for null. */
  length(kind: 'string' | 'array'): number {
    if (this.flexible) return this.varint() - 1;
    return kind === 'string' ? this.int16() : this.int32();
  }

  text(): string {
    const length = this.length('string');
    return length < 0 ? '' : this.skip(length).bytes.toString('utf8', this.at - length, this.at);
  }

  uuid(): string {
    return this.skip(16).bytes.toString('base64url', this.at - 16, this.at);
  }

  tags(): this {
    if (!this.flexible) return this;
    for (let count = this.varint(); count > 0; count--) {
      this.varint();
      const length = this.varint();
      this.skip(length);
    }
    return this;
  }

  /** Calls `each` for every element. */
  array(each: () => void): void {
    for (let left = this.length('array'); left > 0; left--) each();
  }
}

/** Bytes `[start, end)` of a response to be replaced. */
export type Edit = { start: number; end: number; with: Buffer };

/** Pure. Edits ascend and do not overlap. */
export function applyEdits(bytes: Buffer, edits: readonly Edit[]): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (const edit of edits) {
    parts.push(bytes.subarray(at, edit.start), edit.with);
    at = edit.end;
  }
  return Buffer.concat([...parts, bytes.subarray(at)]);
}

/** Pure. */
export function encodeVarint(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) return Buffer.from([...bytes, left]);
    bytes.push((left % 128) + 128);
  }
}

/** Pure. */
export function encodeText(text: string, flexible: boolean): Buffer {
  const bytes = Buffer.from(text);
  if (flexible) return Buffer.concat([encodeVarint(bytes.length + 1), bytes]);
  const length = Buffer.alloc(2);
  length.writeInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Cuts a stream into frames of a 32-bit length and so many bytes; what is left over waits. */
export class Frames {
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** bytes without which no frame is complete */
  #needed = 4;

  /** @returns the frames that are complete now, without their lengths */
  push(chunk: Buffer): Buffer[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const frames: Buffer[] = [];
    if (this.#bytes < this.#needed) return frames;
    let rest = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    for (this.#needed = 4; rest.length >= this.#needed; this.#needed = 4) {
      this.#needed = 4 + rest.readInt32BE(0);
      if (rest.length < this.#needed) break;
      frames.push(rest.subarray(4, this.#needed));
      rest = rest.subarray(this.#needed);
    }
    this.#chunks = [rest];
    this.#bytes = rest.length;
    return frames;
  }
}

/** Pure. Frames as they go over the wire. */
export function joinFrames(frames: readonly Buffer[]): Buffer {
  return Buffer.concat(
    frames.flatMap((frame) => {
      const length = Buffer.alloc(4);
      length.writeInt32BE(frame.length);
      return [length, frame];
    }),
  );
}
