import { KafkaLog } from '@millrace/cli/verify/kafka-log.ts';
import { recordHash } from '@millrace/cli/verify/record-hash.ts';
import { Producer } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { freshTopic, kafkaBrokers, uniqueName } from '../support/stack.ts';
import { produce, withAdmin } from './phase1-harness.ts';

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

function producer(options: { transactionalId?: string; compression?: (typeof codecs)[number] }): Producer<Buffer, Buffer, Buffer, Buffer> {
  return new Producer({ clientId: 'verify-test', bootstrapBrokers: kafkaBrokers().split(','), idempotent: true, ...options });
}

async function itemsOf(topic: string): Promise<string[]> {
  const log = new KafkaLog(kafkaBrokers(), {});
  try {
    const described = await log.topic(topic);
    if (described === undefined) throw new Error('no topic');
    const bounds = await log.bounds(described, 0);
    const items: string[] = [];
    for await (const item of log.items(described, 0, bounds.startOffset, bounds.endOffset))
      items.push(`${item.offset} ${item.kind} ${item.hash}`);
    return items;
  } finally {
    await log.close();
  }
}

test('records of aborted transactions are told apart from those a read_committed reader gets', async () => {
  const topic = await freshTopic({ prefix: 'aborted' });
  const transactional = producer({ transactionalId: uniqueName('tx') });
  const send = (
    values: string[],
    transaction?: { abort(): Promise<void>; commit(): Promise<void>; send(options: object): Promise<unknown> },
  ) => (transaction ?? transactional).send({ messages: values.map((value) => ({ topic, value: Buffer.from(value) })) });
  const first = await transactional.beginTransaction();
  await send(['a0', 'a1', 'a2'], first);
  await first.abort();
  const second = await transactional.beginTransaction();
  await send(['c4', 'c5'], second);
  await second.commit();
  const third = await transactional.beginTransaction();
  await send(['a7'], third);
  await third.abort();
  await transactional.close();
  expect((await itemsOf(topic)).map((item) => item.split(' ').slice(0, 2).join(' '))).toEqual([
    '0 aborted',
    '1 aborted',
    '2 aborted',
    '3 control',
    '4 record',
    '5 record',
    '6 control',
    '7 aborted',
    '8 control',
  ]);
});

test('every codec, key, header and timestamp is hashed as it was sent', async () => {
  const topic = await freshTopic({ prefix: 'codecs' });
  const key = Buffer.from([0xff, 0x00]);
  const value = Buffer.from('{"a":"ü"}'.repeat(50));
  for (const compression of codecs) {
    const sender = producer({ compression });
    await sender.send({
      messages: [{ topic, key, value, timestamp: 1_767_225_600_001n, headers: new Map([[Buffer.from('h'), Buffer.from([0xfe])]]) }],
    });
    await sender.close();
  }
  const hash = recordHash({ key, value, headers: [['h', Buffer.from([0xfe])]], timestamp: 1_767_225_600_001 });
  expect(await itemsOf(topic)).toEqual(codecs.map((_, offset) => `${offset} record ${hash}`));
});

test('bounds are true when retention removed the head, or everything, and an unknown partition is an error', async () => {
  const topic = await freshTopic({ partitions: 2 });
  await produce(topic, 2, 0, 40);
  const partitions = [
    { partition: 0, offset: 7n },
    { partition: 1, offset: 20n },
  ];
  await withAdmin((admin) => admin.deleteRecords({ topics: [{ name: topic, partitions }] }));
  const log = new KafkaLog(kafkaBrokers(), {});
  try {
    const described = await log.topic(topic);
    if (described === undefined) throw new Error('no topic');
    expect(await log.bounds(described, 0)).toEqual({ startOffset: 7n, endOffset: 20n });
    expect(await log.bounds(described, 1)).toEqual({ startOffset: 20n, endOffset: 20n });
    const leader = described.leaders.get(0);
    if (leader !== undefined) described.leaders.set(2, leader);
    await expect(log.bounds(described, 2)).rejects.toMatchObject({ kind: 'unavailable', code: 'kafka_offsets_failed' });
  } finally {
    await log.close();
  }
});

test('a topic that does not exist is said, a broker that is away is an error', async () => {
  const log = new KafkaLog(kafkaBrokers(), {});
  expect(await log.topic(uniqueName('nowhere'))).toBeUndefined();
  await log.close();
  const away = new KafkaLog('127.0.0.1:9', {});
  await expect(away.topic('t')).rejects.toMatchObject({ kind: 'unavailable' });
  await away.close();
});
