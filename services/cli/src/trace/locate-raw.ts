import { discoverPartitions } from '@millrace/core/chain/discover.ts';
import { findEntryCovering, findTail } from '@millrace/core/chain/tail.ts';
import type { ChainEntry, RawObject } from '@millrace/core/domain/chain.ts';
import { describeError, isKind } from '@millrace/core/domain/errors.ts';
import type { Gap } from '@millrace/core/domain/offsets.ts';
import { RawLineCursor } from '@millrace/core/domain/raw-line.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { readRawLines } from '../lake/raw-lines.ts';

/** A record as its raw line tells it, bytes as Kafka had them. `value` null for a tombstone. */
export type LandedRecord = {
  /** ms since 1970; null for none */
  timestamp: number | null;
  key: Uint8Array | null;
  headers: [name: string, value: Uint8Array | null][];
  value: Uint8Array | null;
};

/** Where an offset lies in the raw zone. `line` is zero-based within the object. */
export type RawPlace =
  /** `partitions`: those of this incarnation that have a chain */
  | { kind: 'no_chain'; partitions: number[] }
  | { kind: 'before_chain'; chainStart: bigint }
  | { kind: 'not_landed'; tail: ChainEntry }
  | { kind: 'gap'; entry: ChainEntry; gap: Gap; reason: string | null }
  | { kind: 'record'; entry: ChainEntry; object: RawObject; line: number; record: LandedRecord }
  /** its line is in an object that is gone or not what was written: `code` and `why` of the error */
  | { kind: 'unreadable'; entry: ChainEntry; object: RawObject; code: string; why: string }
  /** its entry covers it, neither an object nor a gap of it holds it */
  | { kind: 'lost'; entry: ChainEntry };

/** What an unreadable object is called in a table of people. Pure. */
export const unreadableWord = (code: string): string => (code === 'raw_object_missing' ? 'not there' : 'damaged');

/** The newest chain entries and the lines read last, kept so that neighbours cost no request. One for each command. */
export class RawLocator {
  readonly #raw: ObjectStore;
  readonly #topic: string;
  readonly #tails = new Map<string, ChainEntry | undefined>();
  #lines: { key: string; lines: Uint8Array } | undefined;

  constructor(raw: ObjectStore, topic: string) {
    this.#raw = raw;
    this.#topic = topic;
  }

  /**
   * Where an offset lies: about 3·log2(entries) requests, and the one raw object, whose SHA-256 is compared. Memory: that object.
   * @throws kind `corrupt` when the chain is not what was written
   */
  async locate(source: SourcePartition, offset: bigint): Promise<RawPlace> {
    const tail = await this.#tail(source);
    if (tail === undefined) return { kind: 'no_chain', partitions: await discoverPartitions(this.#raw, this.#topic, source.topicId) };
    const entry = await findEntryCovering(this.#raw, this.#topic, source, offset, tail);
    if (entry === undefined) return { kind: 'not_landed', tail };
    // entries are dense, so only the first one can begin beyond the offset
    if (offset < entry.startOffset) return { kind: 'before_chain', chainStart: entry.startOffset };
    if (entry.kind !== 'data' && entry.kind !== 'gap') return { kind: 'lost', entry };
    const gap = entry.gaps.find(({ startOffset, endOffset }) => startOffset <= offset && offset < endOffset);
    if (gap !== undefined) return { kind: 'gap', entry, gap, reason: entry.kind === 'gap' ? entry.reason : null };
    const objects = entry.kind === 'data' ? entry.objects : [];
    for (const object of objects) {
      if (offset < object.startOffset || offset >= object.endOffset) continue;
      try {
        const found = recordAt(await this.#linesOf(object), offset);
        if (found !== undefined) return { kind: 'record', entry, object, ...found };
      } catch (error) {
        if (!isKind(error, 'corrupt')) throw error;
        return { kind: 'unreadable', entry, object, code: error.code, why: describeError(error) };
      }
    }
    return { kind: 'lost', entry };
  }

  async #tail(source: SourcePartition): Promise<ChainEntry | undefined> {
    const key = `${source.topicId}/${source.partition}`;
    if (!this.#tails.has(key)) this.#tails.set(key, await findTail(this.#raw, this.#topic, source));
    return this.#tails.get(key);
  }

  async #linesOf(object: RawObject): Promise<Uint8Array> {
    if (this.#lines?.key !== object.key) this.#lines = { key: object.key, lines: await readRawLines(this.#raw, object) };
    return this.#lines.lines;
  }
}

/** The line of an offset. Pure. @throws kind `corrupt`, code `bad_raw_line` */
export function recordAt(lines: Uint8Array, offset: bigint): { line: number; record: LandedRecord } | undefined {
  const cursor = new RawLineCursor(lines);
  while (cursor.next()) {
    if (cursor.offset() !== offset) continue;
    const timestamp = Number.isNaN(cursor.timestamp) ? null : cursor.timestamp;
    return { line: cursor.line, record: { timestamp, ...cursor.head(), value: cursor.value() } };
  }
  return undefined;
}
