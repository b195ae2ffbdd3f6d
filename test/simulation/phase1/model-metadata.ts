import type { TopicPartition } from '@millrace/core/domain/source.ts';
import {
  type ClusterDescription,
  type IdentityAnswer,
  type PartitionOffsets,
  partitionKey,
  type SourceMetadata,
} from '../../../services/phase1-dumper/src/dump/source-metadata.ts';
import type { Io } from '../engine/io.ts';
import type { SimProcess } from '../engine/process.ts';
import type { ModelKafka } from './model-kafka.ts';

/** How far a broker that leads nothing may be behind, ms. */
const behindMsMax = 2_000;

/** Questions of one process to the model's brokers. Descriptions may be old; a leader tells the truth of the moment it is asked. */
export function modelMetadata(kafka: ModelKafka, io: Io, process: SimProcess): SourceMetadata {
  const { clock, scheduler } = process;
  const prng = scheduler.prng.fork();
  const ask = <T>(operation: string, key: string, apply: () => T): Promise<T> =>
    io.request(process, { operation, key, write: false, apply });
  return {
    notices: [],
    describe: (topics) => {
      const requestedAt = clock.monotonic();
      return ask('describe', kafka.topic, (): ClusterDescription => {
        const behindMs = io.options.rates.delayed !== undefined && prng.chance(0.2) ? prng.int(0, behindMsMax) : 0;
        const seen = kafka.seenAt(scheduler.nowMs - behindMs);
        const partitions = seen?.logs.map((_, partition) => partition) ?? [];
        const description =
          seen === null
            ? []
            : ([
                [
                  kafka.topic,
                  {
                    topic: kafka.topic,
                    topicId: seen.topicId,
                    partitions,
                    leaderEpochMin: seen.leaderEpoch,
                    leaderEpochMax: seen.leaderEpoch,
                  },
                ],
              ] as const);
        const wanted = topics.includes(kafka.topic) ? description : [];
        return { clusterId: kafka.clusterId, requestedAt, topics: new Map(wanted), problems: new Map() };
      });
    },
    confirm: (partition) => {
      const requestedAt = clock.monotonic();
      return ask('confirm', partitionKey(partition), (): IdentityAnswer => {
        const { current, clusterId } = kafka;
        const partitionExists = kafka.log(partition) !== undefined;
        const leaderEpoch = partitionExists ? (current?.leaderEpoch ?? null) : null;
        return { clusterId, topicId: current?.topicId ?? null, partitionExists, requestedAt, leaderEpoch };
      });
    },
    offsets: (partitions) =>
      ask('offsets', kafka.topic, () => {
        const told = (partition: TopicPartition): [string, PartitionOffsets][] => {
          const log = kafka.log(partition);
          if (log === undefined) return [];
          log.stableSeen.add(log.lastStable);
          return [[partitionKey(partition), { earliest: BigInt(log.earliest), lastStable: BigInt(log.lastStable) }]];
        };
        return new Map(partitions.flatMap(told));
      }),
    close: async () => {},
  };
}
