import type { Message } from '@confluentinc/kafka-javascript';
import type { Gap } from '@millrace/core/domain/offsets.ts';
import type { LineRange } from '@millrace/core/ports/record-source.ts';
import { LineEncoder } from '../lines/line-encoder.ts';
import { headerPairs } from './native-headers.ts';

/** The parts of the native client's message that land. */
export type NativeMessage = Pick<Message, 'offset' | 'timestamp' | 'key' | 'value' | 'headers' | 'leaderEpoch'>;

/** Offsets reach JavaScript as doubles; beyond this one they are not exact, and reading stops rather than round. */
const offsetMax = Number.MAX_SAFE_INTEGER;

/**
 * Turns one partition's messages into finished lines inside the consume callback and hands them over as ranges: `[next at the last take, next)`,
 * every offset either a record or a gap. Holes are recorded as they are met, with the cause `not_delivered`: this client cannot tell why.
 */
export class PartitionLines {
  readonly topic: string;
  readonly partition: number;
  readonly #encoder = new LineEncoder();
  #start: number;
  #next: number;
  #records = 0;
  #gaps: Gap[] = [];
  #firstTimestamp: number | null = null;
  #lastTimestamp: number | null = null;
  #leaderEpoch: number | null = null;

  constructor(topic: string, partition: number, offset: bigint) {
    this.topic = topic;
    this.partition = partition;
    this.#start = Number(offset);
    this.#next = this.#start;
  }

  /** Size of the lines not yet taken. */
  get bytes(): number {
    return this.#encoder.bytes;
  }

  /** The next offset to read. */
  get next(): bigint {
    return BigInt(this.#next);
  }

  /** @returns false for a message from before the position, which is not ours to land again */
  append(message: NativeMessage): boolean {
    const { offset, timestamp } = message;
    if (offset < this.#next) return false;
    if (offset > this.#next) this.#skipTo(offset);
    const time = timestamp === undefined || timestamp < 0 ? null : timestamp;
    this.#encoder.append(offset, time, message.key as Uint8Array | null, headerPairs(message.headers), message.value);
    if (this.#records++ === 0) this.#firstTimestamp = time;
    this.#lastTimestamp = time;
    if (message.leaderEpoch !== undefined) this.#leaderEpoch = message.leaderEpoch;
    this.#next = offset + 1;
    return true;
  }

  /** The partition's end was reached at `offset`: what lies before it and was not delivered is a hole (control records, aborted or compacted ones). */
  endReached(offset: number): void {
    if (offset > this.#next) this.#skipTo(offset);
  }

  /** What came since the last take; undefined when nothing did. */
  take(arrivedAt: number): LineRange | undefined {
    if (this.#next === this.#start) return undefined;
    const range: LineRange = {
      topic: this.topic,
      partition: this.partition,
      startOffset: BigInt(this.#start),
      endOffset: BigInt(this.#next),
      recordCount: this.#records,
      lines: this.#encoder.take(),
      firstTimestamp: this.#firstTimestamp,
      lastTimestamp: this.#lastTimestamp,
      leaderEpoch: this.#leaderEpoch,
      gaps: this.#gaps,
      arrivedAt,
    };
    this.#start = this.#next;
    this.#records = 0;
    this.#gaps = [];
    this.#firstTimestamp = null;
    this.#lastTimestamp = null;
    this.#leaderEpoch = null;
    return range;
  }

  #skipTo(offset: number): void {
    if (offset > offsetMax) throw new RangeError(`offset ${offset} of ${this.topic}/${this.partition} is beyond 2^53`);
    this.#gaps.push({ startOffset: BigInt(this.#next), endOffset: BigInt(offset), cause: 'not_delivered' });
    this.#next = offset;
  }
}
