import { zstdCompressSync } from 'node:zlib';
import { sha256Hex } from '@millrace/core/delta/sha256.ts';
import { type ChainEntry, chainEntry, chainFormat, chainStart, encodeStored, type RawObject } from '@millrace/core/domain/chain.ts';
import { checkFollows } from '@millrace/core/domain/chain-rules.ts';
import { chainEntryKey, chainStartKey, rawObjectKey } from '@millrace/core/domain/keys.ts';
import type { Gap, GapCause } from '@millrace/core/domain/offsets.ts';
import { sourceKey } from '@millrace/core/domain/source.ts';
import type { Prng } from '../engine/prng.ts';

/** What stands at an offset: a word of a record (`recordFates`), or the cause of a gap. */
export type Truth = RecordKind | GapCause;

export type RecordKind = 'row' | 'wide' | 'bad' | 'undecodable' | 'misfit' | 'tombstone';

/** What must become of a record, and for quarantine with which reason. */
export const recordFates: Record<RecordKind, { row: true } | { quarantine: string } | { dropped: 'tombstone' }> = {
  row: { row: true },
  wide: { row: true },
  bad: { quarantine: 'not_object' },
  undecodable: { quarantine: 'not_json' },
  misfit: { quarantine: 'type_mismatch' },
  tombstone: { dropped: 'tombstone' },
};

const values: Record<RecordKind, string> = {
  row: '"value":{"a":1}',
  // brings a column
  wide: '"value":{"a":2,"b":"x"}',
  bad: '"value":5',
  undecodable: '"valueBase64":"//8="',
  misfit: '"value":{"a":"text"}',
  tombstone: '"tombstone":true',
};

const isGap = (truth: Truth): truth is GapCause => !(truth in recordFates);

/** A chain as phase 1 would have written it, and what is true of each of its offsets. Entries appear at one moment, complete. */
export class SimChain {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly key: string;
  readonly startOffset: bigint;
  /** of offset `startOffset + index` */
  readonly truth: Truth[] = [];
  readonly entries: ChainEntry[] = [];
  readonly #raw: Map<string, Uint8Array>;
  #epoch = 0n;

  constructor(
    raw: Map<string, Uint8Array>,
    source: { topic: string; topicId: string; partition: number },
    startOffset: bigint,
    now: number,
  ) {
    this.#raw = raw;
    this.topic = source.topic;
    this.topicId = source.topicId;
    this.partition = source.partition;
    this.key = sourceKey(this);
    this.startOffset = startOffset;
    this.claim(now);
  }

  get endOffset(): bigint {
    return this.startOffset + BigInt(this.truth.length);
  }

  get isClosed(): boolean {
    return this.entries.at(-1)?.kind === 'close';
  }

  at(offset: bigint): Truth | undefined {
    return this.truth[Number(offset - this.startOffset)];
  }

  claim(now: number): void {
    this.#epoch++;
    this.#put({ kind: 'claim', ...this.#common(this.endOffset, now) });
  }

  close(now: number): void {
    this.#put({ kind: 'close', ...this.#common(this.endOffset, now), reason: 'simulated' });
  }

  /** An operator's acknowledged loss. */
  gap(offsets: number, now: number): void {
    const from = this.endOffset;
    const to = from + BigInt(offsets);
    this.#put({
      kind: 'gap',
      ...this.#common(to, now),
      gaps: [{ startOffset: from, endOffset: to, cause: 'accepted_by_operator' }],
      reason: 'simulated',
    });
    this.truth.push(...Array.from({ length: offsets }, () => 'accepted_by_operator' as const));
  }

  /** One data entry of these objects, each a run of offsets; a run without a record brings a hole only. */
  data(runs: readonly (readonly Truth[])[], now: number): void {
    const objects: RawObject[] = [];
    const gaps: Gap[] = [];
    let at = this.endOffset;
    for (const run of runs) {
      const lines: string[] = [];
      let first: bigint | undefined;
      let last = at;
      for (const truth of run) {
        if (isGap(truth)) gaps.push({ startOffset: at, endOffset: at + 1n, cause: truth });
        else {
          lines.push(`{"offset":${at},"timestamp":${now},"key":null,${values[truth]}}\n`);
          first ??= at;
          last = at;
        }
        at++;
      }
      if (first !== undefined) objects.push(this.#object(lines, first, last + 1n, now));
    }
    this.#put({ kind: 'data', ...this.#common(at, now), objects, gaps });
    this.truth.push(...runs.flat());
  }

  #object(lines: readonly string[], startOffset: bigint, endOffset: bigint, now: number): RawObject {
    const plain = Buffer.from(lines.join(''));
    const bytes = zstdCompressSync(plain);
    const ulid = String(this.#raw.size).padStart(26, '0');
    const key = rawObjectKey(this.topic, now, this.partition, startOffset, this.#epoch, ulid);
    this.#raw.set(key, bytes);
    return {
      key,
      bytes: bytes.byteLength,
      linesBytes: plain.byteLength,
      sha256: sha256Hex(bytes),
      recordCount: lines.length,
      startOffset,
      endOffset,
      firstTimestamp: now,
      lastTimestamp: now,
    };
  }

  #common(endOffset: bigint, now: number) {
    const { topic, topicId, partition } = this;
    return {
      format: chainFormat as 1,
      seq: BigInt(this.entries.length),
      attemptId: `attempt-${this.entries.length}`,
      epoch: this.#epoch,
      source: { clusterId: 'cluster', topicId, topic, partition },
      startOffset: this.endOffset,
      endOffset,
      leaderEpoch: null,
      writer: 'simulated',
      createdAt: new Date(now).toISOString(),
    };
  }

  #put(entry: ChainEntry): void {
    checkFollows(this.entries.at(-1), entry);
    this.#raw.set(chainEntryKey(this.topic, this, entry.seq), encodeStored(chainEntry, entry));
    this.entries.push(entry);
  }
}

export type TopicOptions = { topic: string; partitions: number; misfits: boolean; startOffsets: readonly bigint[] };

/** All chains of one topic: they grow entry by entry, and a topic that is made again begins new ones beside the old. */
export class SimTopic {
  readonly chains: SimChain[] = [];
  readonly #raw: Map<string, Uint8Array>;
  readonly #options: TopicOptions;
  #incarnation = 0;

  constructor(raw: Map<string, Uint8Array>, options: TopicOptions, now: number) {
    this.#raw = raw;
    this.#options = options;
    this.#incarnate(now, options.startOffsets);
  }

  chainOf(key: string): SimChain | undefined {
    return this.chains.find((chain) => chain.key === key);
  }

  /** The topic was deleted and made again: its chains are closed, new ones begin at 0. */
  recreate(now: number): void {
    for (const chain of this.chains) if (!chain.isClosed) chain.close(now);
    this.#incarnate(now, []);
  }

  /** Some chain of the newest incarnation grows by one entry. */
  grow(prng: Prng, now: number): void {
    const chain = prng.pick(this.chains.filter(({ isClosed }) => !isClosed));
    // before its first record of the common shape nothing else comes, so that what fits and what does not is the same whatever lands first
    const isFirst = !chain.truth.includes('row');
    const kind = isFirst ? 'data' : prng.weighted({ data: 12, claim: 2, control: 1, gap: 1 });
    if (kind === 'claim') chain.claim(now);
    else if (kind === 'gap') {
      chain.claim(now);
      chain.gap(prng.int(1, 4), now);
    } else if (kind === 'control') chain.data([[prng.pick(['control', 'aborted'] as const)]], now);
    else {
      const runs = Array.from({ length: prng.int(1, 4) }, () => this.#run(prng));
      if (isFirst) runs[0]?.unshift('row');
      chain.data(runs, now);
    }
  }

  #run(prng: Prng): Truth[] {
    const weights = { row: 10, wide: 1, bad: 1, undecodable: 0.5, tombstone: 1, hole: 2, misfit: this.#options.misfits ? 0.4 : 0 };
    return Array.from({ length: prng.int(1, 5) }, () => {
      const kind = prng.weighted(weights);
      return kind === 'hole' ? prng.pick(['compacted', 'aborted', 'control', 'not_delivered'] as const) : kind;
    });
  }

  #incarnate(now: number, startOffsets: readonly bigint[]): void {
    const { topic, partitions } = this.#options;
    // neither in the order they came nor the other way round
    const topicId = `${'MAZ'[this.#incarnation % 3]}topic${String(this.#incarnation++).padStart(16, '0')}`;
    const offsets = Array.from({ length: partitions }, (_, partition) => startOffsets[partition] ?? 0n);
    const start = {
      format: chainFormat as 1,
      topicId,
      topic,
      clusterId: 'cluster',
      startFrom: 'earliest' as const,
      partitions: Object.fromEntries(offsets.map((offset, partition) => [String(partition), offset])),
      attemptId: `start-${topicId}`,
      createdAt: new Date(now).toISOString(),
    };
    this.#raw.set(chainStartKey(topic, topicId), encodeStored(chainStart, start));
    for (const [partition, offset] of offsets.entries())
      this.chains.push(new SimChain(this.#raw, { topic, topicId, partition }, offset, now));
  }
}
