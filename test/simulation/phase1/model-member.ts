import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { TopicPartition } from '@millrace/core/domain/source.ts';
import type { AssignedPosition, AssignmentHandler, LineRange, RecordSource } from '@millrace/core/ports/record-source.ts';
import { partitionKey } from '../../../services/phase1-dumper/src/dump/source-metadata.ts';
import { type NativeMessage, PartitionLines } from '../../../services/phase1-dumper/src/kafka/partition-lines.ts';
import type { Prng } from '../engine/prng.ts';
import type { SimProcess } from '../engine/process.ts';
import type { ModelGroup } from './model-group.ts';
import { type ModelKafka, type Slot, toMessage } from './model-kafka.ts';

type Committed = TopicPartition & { offset: bigint; leaderEpoch: number | null; metadata: string };
type Fetched = { lines: PartitionLines; messages: NativeMessage[]; endReached: number | null };

/** What the laws want to hear of a member. */
export type MemberWitness = { started(process: SimProcess, position: AssignedPosition): void; acknowledged(position: Committed): void };

/**
 * A member of the landing group as the real source behaves: partitions are added between polls, a batch fetched under an earlier assignment is dropped,
 * the group is answered when the handler is done. It reads by topic name: a topic made again is read on at the same offset,
 * and one whose leader epochs begin below what the client knows is never read.
 */
export class ModelMember implements RecordSource {
  readonly process: SimProcess;
  topics: string[] = [];
  /** it has left, or was told that it lost everything */
  closed = false;
  /** partitions whose fetches get no answer until then, ms of virtual time */
  readonly starvedUntil = new Map<string, number>();
  /** chance that a poll fails */
  troubleRate = 0;
  readonly #kafka: ModelKafka;
  readonly #group: ModelGroup;
  readonly #handler: AssignmentHandler;
  readonly #witness: MemberWitness;
  readonly #prng: Prng;
  readonly #owned = new Map<string, TopicPartition>();
  readonly #reading = new Map<string, { lines: PartitionLines; next: number }>();
  readonly #starting = new Map<string, AssignedPosition>();
  readonly #paused = new Set<string>();
  #leaderEpochMax = -1;
  #told: Promise<void> = Promise.resolve();
  /** counts evictions: what the group said before one no longer holds */
  #generation = 0;

  constructor(process: SimProcess, kafka: ModelKafka, group: ModelGroup, handler: AssignmentHandler, witness: MemberWitness) {
    this.process = process;
    this.#kafka = kafka;
    this.#group = group;
    this.#handler = handler;
    this.#witness = witness;
    this.#prng = process.scheduler.prng.fork();
    group.join(this);
  }

  subscribe(topics: string[]): void {
    this.topics = topics;
    this.#group.changed();
  }

  start(position: AssignedPosition): void {
    const key = partitionKey(position);
    if (!this.#owned.has(key)) throw new MillraceError('conflict', 'not_assigned', `${key} is not assigned to us any more`);
    this.#witness.started(this.process, position);
    this.#starting.set(key, position);
  }

  stop(partition: TopicPartition): void {
    this.#starting.delete(partitionKey(partition));
    this.#reading.delete(partitionKey(partition));
  }

  pause(partitions: TopicPartition[]): void {
    for (const partition of partitions) if (this.#reading.has(partitionKey(partition))) this.#paused.add(partitionKey(partition));
  }

  resume(partitions: TopicPartition[]): void {
    for (const partition of partitions) this.#paused.delete(partitionKey(partition));
  }

  async poll(maxRecords: number, timeoutMs: number): Promise<LineRange[]> {
    for (const [key, { topic, partition, offset }] of this.#starting) {
      this.#paused.delete(key);
      this.#reading.set(key, { lines: new PartitionLines(topic, partition, offset), next: Number(offset) });
    }
    this.#starting.clear();
    const { clock } = this.process;
    if (this.#prng.chance(this.troubleRate)) {
      await clock.sleep(timeoutMs);
      throw new MillraceError('unavailable', 'kafka_client_error', 'the simulated consumer has trouble');
    }
    const fetched = this.#fetch(maxRecords);
    await clock.sleep(fetched.length > 0 ? 1 + this.#prng.int(0, timeoutMs) : timeoutMs);
    const ranges: LineRange[] = [];
    for (const { lines, messages, endReached } of fetched) {
      if (this.#reading.get(partitionKey(lines))?.lines !== lines) continue;
      for (const message of messages) lines.append(message);
      if (endReached !== null) lines.endReached(endReached);
      const range = lines.take(clock.monotonic());
      if (range !== undefined) ranges.push(range);
    }
    return ranges;
  }

  async toldBefore(partition: TopicPartition): Promise<string | undefined> {
    return this.#group.told(partitionKey(partition));
  }

  commitOffsets(positions: Committed[]): void {
    for (const position of positions) {
      this.#group.tell(partitionKey(position), position.metadata);
      this.#witness.acknowledged(position);
    }
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.#forget();
    this.#group.left(this);
  }

  /** The group gives partitions. */
  give(partitions: TopicPartition[]): void {
    this.#tell(async () => {
      for (const partition of partitions) this.#owned.set(partitionKey(partition), partition);
      this.#handler.assigned(partitions);
    });
  }

  /** The group asks for partitions back; it is answered when the handler is done. */
  takeAway(partitions: TopicPartition[], answered: () => void): void {
    this.#tell(async () => {
      const keys = partitions.map(partitionKey);
      for (const key of keys) this.#owned.delete(key);
      this.pause(partitions);
      await this.#handler.revoked(partitions);
      for (const key of keys) this.#release(key);
      answered();
    });
  }

  /** The group went on without us: what we had may already be somebody else's. @param afterMs when the member learns of it */
  evicted(afterMs: number): void {
    if (this.closed) return;
    this.#generation++;
    this.process.deliver(afterMs, () => {
      if (this.closed) return;
      const lost = [...this.#owned.values()];
      this.#forget();
      this.#handler.lost(lost);
      this.#group.join(this);
    });
  }

  /** Group messages come one after the other, each a little late. */
  #tell(message: () => Promise<void>): void {
    const generation = this.#generation;
    this.#told = this.#told
      .then(() => new Promise<void>((resolve) => void this.process.deliver(this.#prng.int(1, 100), resolve)))
      .then(() => (this.closed || generation !== this.#generation ? undefined : message()));
  }

  #fetch(maxRecords: number): Fetched[] {
    const { current } = this.#kafka;
    if (current === null) return [];
    if (current.leaderEpoch < this.#leaderEpochMax) return []; // metadata of lower epochs is old news to the client
    this.#leaderEpochMax = current.leaderEpoch;
    const fetched: Fetched[] = [];
    let room = maxRecords;
    for (const [key, reading] of this.#reading) {
      const log = current.logs[reading.lines.partition];
      if (log === undefined || this.#paused.has(key) || (this.starvedUntil.get(key) ?? 0) > this.process.clock.monotonic()) continue;
      if (reading.next < log.earliest || reading.next > log.lastStable) continue; // out of range: the client says so, and stays
      const messages: NativeMessage[] = [];
      const from = reading.next;
      const until = this.#prng.chance(0.3) ? Math.min(log.lastStable, from + this.#prng.int(1, 6)) : log.lastStable;
      for (; reading.next < until && room > 0; reading.next++) {
        const slot = log.slots[reading.next] as Slot;
        if (slot.state !== 'record') continue;
        messages.push(toMessage(reading.next, slot));
        room--;
      }
      const atEnd = reading.next === log.lastStable;
      if (!atEnd && messages.length === 0) reading.next = from; // a hole is only known by what comes behind it
      if (messages.length > 0 || (atEnd && reading.next > from))
        fetched.push({ lines: reading.lines, messages, endReached: atEnd ? reading.next : null });
    }
    return fetched;
  }

  #release(key: string): void {
    this.#starting.delete(key);
    this.#reading.delete(key);
    this.#paused.delete(key);
  }

  #forget(): void {
    for (const key of [...this.#owned.keys(), ...this.#reading.keys()]) this.#release(key);
    this.#starting.clear();
    this.#owned.clear();
  }
}
