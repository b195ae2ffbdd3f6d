import { hash } from 'node:crypto';
import { type ChainEntry, type ChainStart, chainEntry, chainStart, type DataEntry, parseStored } from '@millrace/core/domain/chain.ts';
import { checkFollows, startOffsetOf } from '@millrace/core/domain/chain-rules.ts';
import type { Gap } from '@millrace/core/domain/offsets.ts';
import { decodeRawLines } from '@millrace/core/domain/raw-line.ts';
import type { AssignedPosition } from '@millrace/core/ports/record-source.ts';
import type { Io } from '../engine/io.ts';
import { ModelStore } from '../engine/model-store.ts';
import type { SimProcess } from '../engine/process.ts';
import type { Incarnation, ModelKafka, ModelLog, Slot } from './model-kafka.ts';
import { unpacked } from './packing.ts';

/** A chain as it grew: what every write is checked against. */
type Chain = { incarnation: Incarnation; partition: number; log: ModelLog; entries: ChainEntry[] };

const chainKey = /^orders\/_chain\/([^/]+)\/(\d{5})\/(\d{20})\.json$/;
const startKey = /^orders\/_chain\/([^/]+)\/start\.json$/;

/**
 * The law of phase 1, checked at every write that others see and at every word of a worker that something is done; told in words in `broken`.
 * The store is the truth here, the model's logs are what it must equal.
 */
export class Phase1Laws {
  readonly store: ModelStore;
  readonly broken: string[] = [];
  compared = 0;
  readonly #kafka: ModelKafka;
  readonly #chains = new Map<string, Chain>();
  readonly #starts = new Map<string, ChainStart>();

  constructor(kafka: ModelKafka, io: Io) {
    this.#kafka = kafka;
    this.store = new ModelStore(io, (key, body, before, process) => this.#wrote(key, body, before, process));
  }

  /** The end of a chain: last entry, or undefined while there is none. */
  tail(incarnation: Incarnation, partition: number): ChainEntry | undefined {
    return this.#chains.get(`${incarnation.topicId}/${partition}`)?.entries.at(-1);
  }

  /** Does the chain hold all there is? */
  reachesEnd(incarnation: Incarnation, partition: number): boolean {
    return this.tail(incarnation, partition)?.endOffset === BigInt((incarnation.logs[partition] as ModelLog).lastStable);
  }

  /** A worker began to read: it must own the chain and begin where it ends. */
  started(process: SimProcess, { partition, offset }: AssignedPosition): void {
    const claims = [...this.#chains.values()]
      .filter((chain) => chain.partition === partition)
      .flatMap(({ entries }) => entries)
      .filter(({ kind, writer }) => kind === 'claim' && writer === process.name);
    if (!claims.some((claim) => claim.endOffset === offset))
      this.#fail(`${process.name} reads partition ${partition} from ${offset} without a claim there`);
  }

  /** A worker told the group that an entry stands: it must, as told. */
  acknowledged({ partition, offset, metadata }: { partition: number; offset: bigint; metadata: string }): void {
    const { topicId, epoch, seq } = JSON.parse(metadata) as { topicId: string; epoch: string; seq: string };
    const entry = this.#chains.get(`${topicId}/${partition}`)?.entries[Number(seq)];
    if (entry?.epoch !== BigInt(epoch) || entry.endOffset !== offset)
      this.#fail(`acknowledged entry ${seq} (epoch ${epoch}, up to ${offset}) of ${topicId}/${partition} is not in the chain`);
  }

  /** A worker found that it does not own a chain any more: whoever does must be somebody else. */
  fenced(writer: string, words: string): void {
    if (words.includes(` of ${writer} owns the chain`)) this.#fail(`${writer} took its own entry for another's: ${words}`);
  }

  /** Checks at the end of a run that every current partition is landed to its end, but for ranges that retention took before they were read. */
  checkAllLanded(): void {
    const { current } = this.#kafka;
    for (const [partition, log] of current?.logs.entries() ?? []) {
      if (log.overrun || this.reachesEnd(current as Incarnation, partition)) continue;
      const tail = this.tail(current as Incarnation, partition);
      this.#fail(`partition ${partition} is landed up to ${tail?.endOffset ?? 'nothing'} and Kafka has ${log.lastStable}: nothing goes on`);
    }
  }

  #wrote(key: string, body: Uint8Array, before: Uint8Array | undefined, process: string): void {
    if (before !== undefined && isFinal(key) && Buffer.compare(before, body) !== 0) this.#fail(`${process} put other bytes at ${key}`);
    try {
      const [, topicId, partition, seq] = chainKey.exec(key) ?? [];
      if (topicId !== undefined) this.#wroteEntry(topicId, Number(partition), Number(seq), parseStored(chainEntry, body, key));
      const started = startKey.exec(key)?.[1];
      if (started !== undefined) this.#wroteStart(started, parseStored(chainStart, body, key));
    } catch (error) {
      this.#fail(`${key} by ${process}: ${(error as Error).message}`);
    }
  }

  #wroteStart(topicId: string, start: ChainStart): void {
    const incarnation = this.#incarnation(topicId);
    this.#starts.set(topicId, start);
    for (const [partition, offset] of Object.entries(start.partitions)) {
      const log = incarnation.logs[Number(partition)];
      const seen = start.startFrom === 'earliest' ? log?.earliestSeen : log?.stableSeen;
      if (seen?.has(Number(offset)) !== true)
        this.#fail(`the chain of partition ${partition} starts at ${offset}, which was never its ${start.startFrom}`);
    }
  }

  #wroteEntry(topicId: string, partition: number, seq: number, entry: ChainEntry): void {
    const incarnation = this.#incarnation(topicId);
    const log = incarnation.logs[partition];
    const start = this.#starts.get(topicId);
    if (log === undefined || start === undefined) {
      this.#fail(`an entry of ${topicId}/${partition}, which has no ${log ? 'start' : 'log'}`);
      return;
    }
    const id = `${topicId}/${partition}`;
    const chain = this.#chains.get(id) ?? { incarnation, partition, log, entries: [] };
    this.#chains.set(id, chain);
    const previous = chain.entries.at(-1);
    chain.entries.push(entry);
    checkFollows(previous, entry);
    if (entry.seq !== BigInt(seq) || chain.entries.length !== seq + 1) this.#fail(`entry ${seq} of ${id} leaves a hole`);
    if (previous === undefined && entry.startOffset !== startOffsetOf(start, partition)) this.#fail(`${id} begins at ${entry.startOffset}`);
    if (entry.source.topicId !== topicId || entry.source.partition !== partition) this.#fail(`entry ${seq} of ${id} names another source`);
    const owner = chain.entries.findLast(({ kind }) => kind === 'claim');
    if (owner?.writer !== entry.writer) this.#fail(`entry ${seq} of ${id} is by ${entry.writer}, the chain is owned by ${owner?.writer}`);
    if (entry.kind === 'data') this.#checkData(chain, entry);
    if (entry.kind === 'gap') this.#fail(`entry ${seq} of ${id} is a gap that nobody accepted`);
    if (entry.kind === 'close' && this.#kafka.current === incarnation) this.#fail(`${id} is closed while it lives`);
  }

  /** Every offset of an entry is one record with the bytes Kafka has, or lies in a gap whose cause fits. */
  #checkData({ log, partition }: Chain, entry: DataEntry): void {
    const where = `entry ${entry.seq} of ${entry.source.topicId}/${partition}`;
    if (entry.endOffset > BigInt(log.lastStable))
      this.#fail(`${where} ends at ${entry.endOffset}, Kafka's last stable offset is ${log.lastStable}`);
    const seen = new Set<number>();
    for (const object of entry.objects) {
      const body = this.store.objects.get(object.key);
      if (body === undefined || body.length !== object.bytes || hash('sha256', body) !== object.sha256) {
        this.#fail(`${where} names ${object.key}, which ${body === undefined ? 'does not exist' : 'has other bytes'}`);
        continue;
      }
      let records = 0;
      for (const record of decodeRawLines(unpacked(body))) {
        records++;
        const offset = Number(record.offset);
        const slot = log.slots[offset];
        if (seen.has(offset)) this.#fail(`${where} holds offset ${offset} twice`);
        seen.add(offset);
        if (record.offset < object.startOffset || record.offset >= object.endOffset)
          this.#fail(`${where}: offset ${offset} lies outside its object`);
        if (slot === undefined || (slot.state !== 'record' && slot.state !== 'compacted') || !sameRecord(slot, record))
          this.#fail(`${where}: offset ${offset} is not the record Kafka has (${slot?.state ?? 'nothing'})`);
        this.compared++;
      }
      if (records !== object.recordCount) this.#fail(`${where}: ${object.key} holds ${records} records, not ${object.recordCount}`);
    }
    for (const gap of entry.gaps) this.#checkGap(log, gap, seen, where);
  }

  #checkGap(log: ModelLog, { startOffset, endOffset, cause }: Gap, seen: Set<number>, where: string): void {
    for (let offset = Number(startOffset); offset < Number(endOffset); offset++) {
      const state = log.slots[offset]?.state;
      const fits = cause === 'not_delivered' ? state === 'compacted' || state === 'aborted' || state === 'control' : state === cause;
      if (!fits || seen.has(offset)) this.#fail(`${where}: gap at ${offset} with cause ${cause}, where Kafka has ${state}`);
    }
  }

  #incarnation(topicId: string): Incarnation {
    const found = this.#kafka.incarnations.find((incarnation) => incarnation.topicId === topicId);
    if (found === undefined) throw new Error(`there never was a topic ${topicId}`);
    return found;
  }

  #fail(words: string): void {
    if (!this.broken.includes(words)) this.broken.push(words);
  }
}

/** Objects that are never written anew. */
function isFinal(key: string): boolean {
  return key.endsWith('.jsonl.zst') || chainKey.test(key) || startKey.test(key);
}

function sameRecord(slot: Slot, record: { key: Uint8Array | null; value: Uint8Array | null; timestamp: number | null }): boolean {
  return record.timestamp === slot.timestamp && sameBytes(slot.key, record.key) && sameBytes(slot.value, record.value);
}

function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : Buffer.compare(a, b) === 0;
}
