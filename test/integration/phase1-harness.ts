import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import kafka, { type LibrdKafkaError, type Producer } from '@confluentinc/kafka-javascript';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { discoverPartitions, discoverTopicIds } from '@millrace/core/chain/discover.ts';
import { followChain, readChainStart, startOffsetOf } from '@millrace/core/chain/entries.ts';
import type { ChainEntry } from '@millrace/core/domain/chain.ts';
import { Admin } from '@platformatic/kafka';
import { kafkaBrokers } from '../support/stack.ts';

/*
 * What the tests of phase 1 share: reading what landed by the chain alone, and producing by librdkafka, which knows transactions and all codecs.
 */

const decompress = promisify(zstdDecompress);

/** One chain as it lies: every offset of `[start, end)` is a record or in a gap, which reading it has checked. */
export type LandedChain = {
  topicId: string;
  partition: number;
  start: bigint;
  end: bigint;
  entries: ChainEntry[];
  /** offset → value, for values that are JSON */
  values: Map<bigint, unknown>;
  offsets: bigint[];
  gaps: bigint;
};

/** Reads all chains of a topic, each entry checked to follow the one before, each object's lines against what its entry says. */
export async function readLanded(rawUrl: string, topic: string): Promise<LandedChain[]> {
  const store = openObjectStore(rawUrl, { forcePathStyle: true });
  const chains: LandedChain[] = [];
  for (const topicId of await discoverTopicIds(store, topic)) {
    const first = await readChainStart(store, topic, topicId);
    for (const partition of await discoverPartitions(store, topic, topicId)) {
      const chain: LandedChain = {
        topicId,
        partition,
        start: first === undefined ? 0n : startOffsetOf(first, partition),
        end: 0n,
        entries: [],
        values: new Map(),
        offsets: [],
        gaps: 0n,
      };
      for await (const entry of followChain(store, topic, { topicId, partition })) {
        chain.entries.push(entry);
        chain.end = entry.endOffset;
        if (entry.kind !== 'data' && entry.kind !== 'gap') continue;
        chain.gaps += entry.gaps.reduce((sum, gap) => sum + gap.endOffset - gap.startOffset, 0n);
        if (entry.kind === 'gap') continue;
        for (const object of entry.objects) {
          const body = await store.get(object.key);
          if (body === undefined) throw new Error(`${object.key} is missing`);
          const lines = (await decompress(body))
            .toString('utf8')
            .split('\n')
            .slice(0, -1)
            .map((line) => JSON.parse(line) as { offset: number; value?: unknown });
          if (lines.length !== object.recordCount)
            throw new Error(`${object.key} holds ${lines.length} lines, its entry says ${object.recordCount}`);
          for (const { offset, value } of lines) {
            const previous = chain.offsets.at(-1);
            if (previous !== undefined && BigInt(offset) <= previous) throw new Error(`${object.key}: offset ${offset} after ${previous}`);
            if (entry.gaps.some((gap) => gap.startOffset <= BigInt(offset) && BigInt(offset) < gap.endOffset))
              throw new Error(`${object.key}: offset ${offset} lies in a gap`);
            chain.offsets.push(BigInt(offset));
            chain.values.set(BigInt(offset), value);
          }
        }
      }
      if (BigInt(chain.offsets.length) + chain.gaps !== chain.end - chain.start)
        throw new Error(
          `${topic} ${topicId}/${partition}: ${chain.offsets.length} records and ${chain.gaps} gaps in [${chain.start}, ${chain.end})`,
        );
      chains.push(chain);
    }
  }
  await store.close();
  return chains;
}

/** Records in chains, over all their incarnations and partitions. */
export const recordsOf = (chains: readonly LandedChain[]): number => chains.reduce((sum, { offsets }) => sum + offsets.length, 0);

/** Epochs in the order they were claimed. */
export const epochsOf = (chain: LandedChain): bigint[] => chain.entries.filter(({ kind }) => kind === 'claim').map(({ epoch }) => epoch);

/** Runs `work` with an admin client of the test run's Kafka, or another. */
export async function withAdmin<T>(work: (admin: Admin) => Promise<T>, brokers = kafkaBrokers()): Promise<T> {
  const admin = new Admin({ clientId: 'tests', bootstrapBrokers: brokers.split(',') });
  try {
    return await work(admin);
  } finally {
    await admin.close();
  }
}

/** Deletes a topic and makes it again, waiting until each is so. */
export async function recreateTopic(topic: string, partitions: number): Promise<void> {
  await withAdmin(async (admin) => {
    await admin.deleteTopics({ topics: [topic] });
    for (let attempt = 0; ; attempt++)
      try {
        await admin.createTopics({ topics: [topic], partitions, replicas: 1 });
        return;
      } catch (error) {
        if (attempt > 100) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
  });
}

const call = <T>(run: (callback: (error: LibrdKafkaError | null, value: T) => void) => void) =>
  new Promise<T>((resolve, reject) => run((error, value) => (error ? reject(error) : resolve(value))));

/** Connects a producer, runs `work`, flushes and disconnects. */
export async function withProducer<T>(
  settings: Readonly<Record<string, string | number | boolean>>,
  work: (producer: Producer, step: typeof call) => Promise<T>,
): Promise<T> {
  const producer = new kafka.Producer({ 'bootstrap.servers': kafkaBrokers(), 'linger.ms': 5, ...settings } as never);
  await call((callback) => producer.connect({}, callback as never));
  producer.setPollInterval(10);
  try {
    const result = await work(producer, call);
    await call((callback) => producer.flush(30_000, callback as never));
    return result;
  } finally {
    await call((callback) => producer.disconnect(callback as never));
  }
}

/** Produces records `{"n": from}` … `{"n": from + count − 1}`, in turn over the partitions. */
export function produce(
  topic: string,
  partitions: number,
  from: number,
  count: number,
  settings: Readonly<Record<string, string | number | boolean>> = {},
): Promise<void> {
  return withProducer(settings, async (producer) => {
    for (let n = from; n < from + count; n++)
      producer.produce(topic, n % partitions, Buffer.from(`{"n":${n},"text":"record ${n}"}`), `key-${n}`, Date.now());
  });
}

/** All `n` of a chain's values, in order of offsets. */
export const numbersOf = (chain: LandedChain): number[] => chain.offsets.map((offset) => (chain.values.get(offset) as { n: number }).n);
