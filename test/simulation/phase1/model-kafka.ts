import type { TopicPartition } from '@millrace/core/domain/source.ts';
import type { NativeMessage } from '../../../services/phase1-dumper/src/kafka/partition-lines.ts';
import type { Prng } from '../engine/prng.ts';

/** What stands at an offset. `open`: written by a transaction that has not ended; `compacted`: it held a record once. */
export type SlotState = 'record' | 'open' | 'aborted' | 'control' | 'compacted';
export type Slot = { state: SlotState; timestamp: number; key: Uint8Array | null; value: Uint8Array | null; leaderEpoch: number };

/** The log of one partition of one incarnation. Offsets are indexes: the model never forgets what stood where. */
export class ModelLog {
  readonly slots: Slot[] = [];
  /** first offset kept */
  earliest = 0;
  /** values `earliest` has had */
  readonly earliestSeen = new Set([0]);
  /** values `lastStable` has had when somebody asked */
  readonly stableSeen = new Set<number>();
  /** retention took records that may not have been landed */
  overrun = false;
  #openFrom: number | null = null;

  get end(): number {
    return this.slots.length;
  }
  get lastStable(): number {
    return this.#openFrom ?? this.slots.length;
  }

  append(slot: Slot): void {
    if (slot.state === 'open') this.#openFrom ??= this.slots.length;
    this.slots.push(slot);
  }

  /** Ends the open transaction, if there is one, with a control record. */
  endTransaction(ending: 'record' | 'aborted', control: Slot): void {
    if (this.#openFrom === null) return;
    for (let at = this.#openFrom; at < this.slots.length; at++) {
      const slot = this.slots[at] as Slot;
      if (slot.state === 'open') slot.state = ending;
    }
    this.#openFrom = null;
    this.slots.push(control);
  }

  /** Takes some records out of the stable part, never the last one (as Kafka keeps the newest of a key). */
  compact(prng: Prng): void {
    for (let at = this.earliest; at < this.lastStable - 1; at++) {
      const slot = this.slots[at] as Slot;
      if (slot.state === 'record' && prng.chance(0.3)) slot.state = 'compacted';
    }
  }

  /** Retention: records before `to` are gone. */
  expire(to: number): void {
    this.earliest = Math.max(this.earliest, Math.min(to, this.lastStable));
    this.earliestSeen.add(this.earliest);
  }
}

/** One life of a topic. */
export class Incarnation {
  readonly topicId: string;
  readonly logs: ModelLog[];
  leaderEpoch: number;

  constructor(topicId: string, partitions: number, leaderEpoch: number) {
    this.topicId = topicId;
    this.logs = Array.from({ length: partitions }, () => new ModelLog());
    this.leaderEpoch = leaderEpoch;
  }
}

/** A cluster with one topic name, and every incarnation there was of it. */
export class ModelKafka {
  readonly clusterId = 'simulated-cluster';
  readonly topic = 'orders';
  readonly incarnations: Incarnation[] = [];
  current: Incarnation | null = null;
  /** what the name meant since when, newest last: brokers may be behind */
  readonly #history: { sinceMs: number; incarnation: Incarnation | null }[] = [];

  create(partitions: number, leaderEpoch: number, nowMs: number): void {
    const topicId = `topic-id-${String(this.incarnations.length).padStart(13, '0')}`;
    this.#become(new Incarnation(topicId, partitions, leaderEpoch), nowMs);
  }

  remove(nowMs: number): void {
    this.#become(null, nowMs);
  }

  /** The topic has one more partition from now on. */
  addPartition(): void {
    this.current?.logs.push(new ModelLog());
  }

  /** What a broker tells that was up to date at `atMs`. */
  seenAt(atMs: number): Incarnation | null {
    return this.#history.findLast(({ sinceMs }) => sinceMs <= atMs)?.incarnation ?? null;
  }

  /** Some records of a producer: plain, in a transaction that commits or aborts, or one that stays open. Values name incarnation and offset. */
  produce(prng: Prng, nowMs: number): void {
    const { current } = this;
    if (current === null) return;
    const partition = prng.int(0, current.logs.length);
    const log = current.logs[partition] as ModelLog;
    const state = (['record', 'record', 'record', 'open', 'aborted', 'control'] as const)[prng.int(0, 6)] as SlotState;
    for (let left = prng.int(1, 12); left > 0; left--) log.append(this.#slot(current, partition, state, prng, nowMs));
    if (state === 'aborted') log.append(this.#slot(current, partition, 'control', prng, nowMs));
    if (prng.chance(0.5))
      log.endTransaction(prng.chance(0.5) ? 'record' : 'aborted', this.#slot(current, partition, 'control', prng, nowMs));
  }

  /** Ends transactions that hang. */
  endTransactions(prng: Prng, nowMs: number): void {
    for (const incarnation of this.incarnations)
      for (const [partition, log] of incarnation.logs.entries())
        log.endTransaction(prng.chance(0.5) ? 'record' : 'aborted', this.#slot(incarnation, partition, 'control', prng, nowMs));
  }

  log({ partition }: TopicPartition): ModelLog | undefined {
    return this.current?.logs[partition];
  }

  #slot(incarnation: Incarnation, partition: number, state: SlotState, prng: Prng, nowMs: number): Slot {
    const offset = (incarnation.logs[partition] as ModelLog).end;
    const kind = prng.int(0, 8);
    const text = `{"topic":"${incarnation.topicId}","partition":${partition},"offset":${offset}}`;
    const value = kind === 0 ? null : Buffer.from(kind === 1 ? `not json ${text}` : text);
    const key = prng.chance(0.5) ? Buffer.from(`key-${offset}`) : null;
    return { state, timestamp: Math.floor(nowMs), key, value, leaderEpoch: incarnation.leaderEpoch };
  }

  #become(incarnation: Incarnation | null, nowMs: number): void {
    if (incarnation !== null) this.incarnations.push(incarnation);
    this.current = incarnation;
    this.#history.push({ sinceMs: nowMs, incarnation });
  }
}

/** A record as the native client hands it over. */
export function toMessage(offset: number, { timestamp, key, value, leaderEpoch }: Slot): NativeMessage {
  return { offset, timestamp, key: key as Buffer | null, value: value as Buffer | null, leaderEpoch };
}
