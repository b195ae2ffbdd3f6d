import { tmpdir } from 'node:os';
import type { KafkaItem } from '@millrace/cli/verify/kafka-compare.ts';
import type { KafkaBounds, KafkaReader, KafkaTopic } from '@millrace/cli/verify/kafka-log.ts';
import { renderReport } from '@millrace/cli/verify/render.ts';
import { type VerifyReport, verifyDataset } from '@millrace/cli/verify/verify.ts';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { expect, test } from 'vitest';
import { soundLake, topic, topicId, writeLake } from './verify-lake.ts';

/* Partitions that Kafka has and that have no chain. The lake has partition 0, of which this Kafka holds nothing any more. */

const otherId = 'Nh5vQ2xKRc6dJ0sW8yTb_A';

/** A Kafka whose partitions hold these offsets and are never read. */
function kafkaHolding(held: readonly KafkaBounds[], changes: Partial<KafkaTopic> = {}): KafkaReader {
  const leaders = new Map(held.map((_, partition) => [partition, { host: 'localhost', port: 9 }]));
  return {
    topic: async () => ({ topic, topicId, uuid: 'u', compacted: false, partitions: held.length, leaders, ...changes }),
    bounds: async (_topic, partition) => held[partition] ?? { startOffset: 0n, endOffset: 0n },
    async *items(): AsyncGenerator<KafkaItem> {},
  };
}
const goneFrom0 = { startOffset: 4n, endOffset: 4n };

async function verify(kafka: KafkaReader): Promise<VerifyReport> {
  const lake = await writeLake(soundLake('rrrr'));
  const raw = openObjectStore(lake.rawUrl);
  const tables = openObjectStore(lake.tablesUrl);
  try {
    return await verifyDataset({ dataset: 'd', topic: undefined, raw, tables, tempDir: tmpdir(), kafka });
  } finally {
    await Promise.all([raw.close(), tables.close()]);
    await lake.remove();
  }
}

test('records of a partition without a chain are a difference with their range', async () => {
  const report = await verify(kafkaHolding([goneFrom0, { startOffset: 3n, endOffset: 9n }]));
  expect(report.differences.kept).toEqual([
    {
      code: 'never_landed',
      topicId,
      partition: 1,
      range: { startOffset: 3n, endOffset: 9n },
      detail: 'nothing landed: the partition has no chain, Kafka holds 3-9',
    },
  ]);
  expect(renderReport(report)).toMatch(new RegExp(`${topicId}/1 +3-9 +nothing landed `));
});

test('a partition without a chain and without records is no difference', async () => {
  const report = await verify(kafkaHolding([goneFrom0, { startOffset: 7n, endOffset: 7n }]));
  expect(report.differences.kept).toEqual([]);
  expect(report.kafka.map(({ partition, landed }) => [partition, landed])).toEqual([
    [0, true],
    [1, false],
  ]);
});

test('of an incarnation whose landing has not begun it is a note', async () => {
  const report = await verify(kafkaHolding([{ startOffset: 0n, endOffset: 5n }], { topicId: otherId }));
  expect(report.differences.kept).toEqual([]);
  expect(report.notices).toContainEqual(expect.stringContaining(`nothing of ${otherId}/0 landed, Kafka holds 0-5`));
});

test('a partition without a chain and without a leader cannot be checked', async () => {
  const held = [goneFrom0, { startOffset: 0n, endOffset: 5n }];
  const leaders = new Map([[0, { host: 'localhost', port: 9 }]]);
  await expect(verify(kafkaHolding(held, { leaders }))).rejects.toMatchObject({ kind: 'unavailable', code: 'kafka_no_leader' });
});
