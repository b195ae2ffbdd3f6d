import { zstdCompressSync } from 'node:zlib';
import { sha256Hex } from '@millrace/core/delta/sha256.ts';
import { type ChainEntry, chainEntry, chainFormat, chainStart, encodeStored } from '@millrace/core/domain/chain.ts';
import { chainEntryKey, chainStartKey, rawObjectKey } from '@millrace/core/domain/keys.ts';
import type { Gap } from '@millrace/core/domain/offsets.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';

/** What one record holds: JSON text, or null for a tombstone. */
export type HandRecord = string | null;

/** A source partition whose chain is written by hand, as phase 1 would. */
export class HandChain {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly #raw: ObjectStore;
  seq = 0n;
  nextOffset: bigint;
  #epoch = 0n;
  readonly #createdAt: string;

  constructor(
    raw: ObjectStore,
    topic: string,
    topicId: string,
    partition: number,
    startOffset = 0n,
    createdAt = '2026-01-01T00:00:00.000Z',
  ) {
    this.#raw = raw;
    this.topic = topic;
    this.topicId = topicId;
    this.partition = partition;
    this.nextOffset = startOffset;
    this.#createdAt = createdAt;
  }

  /** The first chain of an incarnation writes its start object: the others begin at 0. */
  async claim(): Promise<void> {
    const { topic, topicId, partition } = this;
    const common = {
      format: chainFormat as 1,
      topicId,
      topic,
      clusterId: 'cluster',
      startFrom: 'earliest' as const,
      attemptId: 'a',
      createdAt: this.#createdAt,
    };
    const partitions = { [String(partition)]: this.nextOffset };
    if (this.seq === 0n) await this.#raw.putIfAbsent(chainStartKey(topic, topicId), encodeStored(chainStart, { ...common, partitions }));
    this.#epoch++;
    await this.#put({ kind: 'claim', ...this.#common(this.nextOffset) });
  }

  /** One entry with one object of these records at dense offsets, then `gapAfter` offsets nobody delivered. @returns the object's key */
  async data(records: readonly HandRecord[], gapAfter = 0n): Promise<string> {
    const start = this.nextOffset;
    const lines = records.map((value, index) => {
      const head = `{"offset":${start + BigInt(index)},"timestamp":${1_767_225_600_000 + index},"key":null,`;
      return `${head}${value === null ? '"tombstone":true' : `"value":${value}`}}\n`;
    });
    const plain = Buffer.from(lines.join(''));
    const bytes = zstdCompressSync(plain);
    const end = start + BigInt(records.length);
    const key = rawObjectKey(
      this.topic,
      1_767_225_600_000,
      this.partition,
      start,
      this.#epoch,
      `01KDX4Q9TQ${String(this.seq).padStart(16, '0')}`,
    );
    await this.#raw.put(key, bytes);
    const gaps: Gap[] = gapAfter > 0n ? [{ startOffset: end, endOffset: end + gapAfter, cause: 'not_delivered' }] : [];
    await this.#put({
      kind: 'data',
      ...this.#common(end + gapAfter),
      objects: [
        {
          key,
          bytes: bytes.byteLength,
          linesBytes: plain.byteLength,
          sha256: sha256Hex(bytes),
          recordCount: records.length,
          startOffset: start,
          endOffset: end,
          firstTimestamp: 1_767_225_600_000,
          lastTimestamp: 1_767_225_600_000 + records.length - 1,
        },
      ],
      gaps,
    });
    return key;
  }

  /** An operator's acknowledged loss. */
  async gap(offsets: bigint): Promise<void> {
    const start = this.nextOffset;
    const end = start + offsets;
    await this.#put({
      kind: 'gap',
      ...this.#common(end),
      gaps: [{ startOffset: start, endOffset: end, cause: 'accepted_by_operator' }],
      reason: 'test',
    });
  }

  async close(): Promise<void> {
    await this.#put({ kind: 'close', ...this.#common(this.nextOffset), reason: 'test' });
  }

  #common(endOffset: bigint) {
    const { topic, topicId, partition } = this;
    return {
      format: chainFormat as 1,
      seq: this.seq,
      attemptId: `attempt-${this.seq}`,
      epoch: this.#epoch,
      source: { clusterId: 'cluster', topicId, topic, partition },
      startOffset: this.nextOffset,
      endOffset,
      leaderEpoch: null,
      writer: 'hand',
      createdAt: this.#createdAt,
    };
  }

  async #put(entry: ChainEntry): Promise<void> {
    await this.#raw.putIfAbsent(chainEntryKey(this.topic, this, this.seq), encodeStored(chainEntry, entry));
    this.seq++;
    this.nextOffset = entry.endOffset;
  }
}
