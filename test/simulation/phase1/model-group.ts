import type { TopicPartition } from '@millrace/core/domain/source.ts';
import { partitionKey } from '../../../services/phase1-dumper/src/dump/source-metadata.ts';
import type { Prng } from '../engine/prng.ts';
import type { Scheduler } from '../engine/scheduler.ts';
import type { ModelKafka } from './model-kafka.ts';
import type { ModelMember } from './model-member.ts';

/** How often the coordinator looks at sessions and assignments, ms. */
const lookMs = 200;

/**
 * The coordinator of the landing group: who should own which partition. It asks owners back in good order when it can; a member that does not
 * heartbeat for a session is gone for it, while the member may go on for long without knowing: then there are two owners.
 */
export class ModelGroup {
  readonly #scheduler: Scheduler;
  readonly #kafka: ModelKafka;
  readonly #prng: Prng;
  readonly #sessionMs: number;
  readonly #members: ModelMember[] = [];
  readonly #seenAtMs = new Map<ModelMember, number>();
  readonly #owners = new Map<string, ModelMember>();
  readonly #asked = new Set<string>();
  /** what owners told beside their offsets, by partition */
  readonly #told = new Map<string, string>();
  /** moves everybody's share along, so that a shuffle makes partitions change hands */
  #turn = 0;
  #topicId: string | undefined;

  constructor(scheduler: Scheduler, kafka: ModelKafka, sessionMs: number) {
    this.#scheduler = scheduler;
    this.#kafka = kafka;
    this.#prng = scheduler.prng.fork();
    this.#sessionMs = sessionMs;
    this.#look();
  }

  get members(): readonly ModelMember[] {
    return this.#members;
  }

  tell(key: string, metadata: string): void {
    this.#told.set(key, metadata);
  }

  /**
   * What was told, and now and then something else: nothing, a place before it, one far behind it, what another program wrote. Which of them follows from the words alone,
   * so that no seed's other draws move.
   */
  told(key: string): string | undefined {
    const text = this.#told.get(key);
    if (text === undefined) return undefined;
    const { seq, ...rest } = JSON.parse(text) as { seq: string };
    const [before, behind] = [BigInt(seq) > 3n ? BigInt(seq) - 3n : 0n, BigInt(seq) + 1_000n];
    const words = [
      text,
      JSON.stringify({ ...rest, seq: `${before}` }),
      JSON.stringify({ ...rest, seq: `${behind}` }),
      undefined,
      'committed by hand',
    ];
    return words[Number(BigInt(seq) % BigInt(words.length))];
  }

  join(member: ModelMember): void {
    if (!this.#members.includes(member)) this.#members.push(member);
    this.#seenAtMs.set(member, this.#scheduler.nowMs);
  }

  left(member: ModelMember): void {
    this.#forget(member);
  }

  changed(): void {
    // the next look takes it up
  }

  /** Partitions change hands in good order. */
  shuffle(): void {
    this.#turn++;
  }

  /** The member's heartbeats are lost: its partitions are given to others; it learns that `afterMs` later. */
  cutOff(member: ModelMember, afterMs: number): void {
    if (!this.#members.includes(member)) return;
    this.#forget(member);
    member.evicted(afterMs);
  }

  #look(): void {
    const now = this.#scheduler.nowMs;
    for (const member of [...this.#members]) {
      if (member.process.alive && !member.process.paused) this.#seenAtMs.set(member, now);
      else if (now - (this.#seenAtMs.get(member) ?? 0) >= this.#sessionMs) this.cutOff(member, this.#prng.int(0, 500));
    }
    this.#assign();
    this.#scheduler.after(lookMs, () => this.#look());
  }

  #assign(): void {
    const { current, topic } = this.#kafka;
    const willing = this.#members.filter((member) => member.topics.includes(topic));
    if (current?.topicId !== this.#topicId) {
      // the topic went or is another one: now and then the members keep what they have, as when nobody noticed
      this.#topicId = current?.topicId;
      if (this.#prng.chance(0.5)) for (const [key, owner] of this.#owners) this.#askBack(owner, key);
    }
    for (const [key, owner] of this.#owners)
      if (!willing.includes(owner) || (current !== null && fromKey(key).partition >= current.logs.length)) this.#askBack(owner, key);
    if (current === null || willing.length === 0) return;
    for (const partition of current.logs.keys()) {
      const key = partitionKey({ topic, partition });
      const target = willing[(partition + this.#turn) % willing.length] as ModelMember;
      const owner = this.#owners.get(key);
      if (owner === undefined) {
        this.#scheduler.note(() => `group: ${key} -> ${target.process.name}`);
        this.#owners.set(key, target);
        target.give([{ topic, partition }]);
      } else if (owner !== target) this.#askBack(owner, key);
    }
  }

  #askBack(owner: ModelMember, key: string): void {
    if (this.#asked.has(key)) return;
    this.#asked.add(key);
    this.#scheduler.note(() => `group: ${key} <- ${owner.process.name}`);
    owner.takeAway([fromKey(key)], () => {
      if (this.#owners.get(key) !== owner) return;
      this.#owners.delete(key);
      this.#asked.delete(key);
    });
  }

  #forget(member: ModelMember): void {
    const at = this.#members.indexOf(member);
    if (at >= 0) this.#members.splice(at, 1);
    this.#seenAtMs.delete(member);
    for (const [key, owner] of this.#owners)
      if (owner === member) {
        this.#owners.delete(key);
        this.#asked.delete(key);
      }
  }
}

function fromKey(key: string): TopicPartition {
  const [topic = '', partition] = key.split('/');
  return { topic, partition: Number(partition) };
}
