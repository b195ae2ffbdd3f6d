import { EventEmitter } from 'node:events';
import type { Clock } from '@millrace/core/ports/clock.ts';
import type { AssignmentHandler } from '@millrace/core/ports/record-source.ts';
import { expect, test, vi } from 'vitest';
import type { SourceMetadata } from '../../src/dump/source-metadata.ts';
import { KafkaSource, requireConsumerProtocol } from '../../src/kafka/kafka-source.ts';

type Config = { rebalance_cb(error: { code: number }, partitions: { topic: string; partition: number }[]): void };

/** The native consumer as far as this test needs it: answers of `consume` are set, what is assigned is seen. */
class FakeConsumer extends EventEmitter {
  readonly calls: string[] = [];
  readonly answers: { error: { code: number; message: string } | null; ends?: { topic: string; partition: number; offset: number }[] }[] =
    [];
  readonly config: Config;
  constructor(config: Config) {
    super();
    this.config = config;
    last = this;
  }
  connect(_options: object, done: (error: null) => void) {
    done(null);
  }
  setDefaultIsTimeoutOnlyForFirstMessage() {}
  setDefaultConsumeTimeout() {}
  incrementalAssign(partitions: { partition: number; offset: number }[]) {
    this.calls.push(...partitions.map(({ partition, offset }) => `read ${partition} from ${offset}`));
  }
  incrementalUnassign(partitions: { partition: number }[]) {
    this.calls.push(...partitions.map(({ partition }) => `leave ${partition}`));
  }
  pause() {}
  resume() {}
  consume(_count: number, done: (error: object | null, messages: object[]) => void) {
    const { error, ends } = this.answers.shift() ?? { error: null };
    // as the native client does it: beside an error the marks are not told
    if (error === null) for (const end of ends ?? []) this.emit('partition.eof', end);
    done(error, []);
  }
}
let last: FakeConsumer | undefined;
vi.mock('../../src/kafka/native-consumer.ts', () => ({ createNativeConsumer: (config: never) => new FakeConsumer(config) }));

const opened = (groupProtocol: 'classic' | 'consumer', handler: AssignmentHandler, clock: Clock, onReread = () => {}) =>
  KafkaSource.open(
    {
      brokers: 'b:1',
      groupId: 'g',
      clientId: 'c',
      properties: {},
      groupProtocol,
      sessionTimeoutMs: 6_000,
      queueBytes: 2 ** 20,
      clock,
      onEvent: () => {},
      onReread,
    },
    handler,
  );

test('a fatal error, which the client names in its log only, asks for a new client; a group protocol the brokers refuse is an invalid setting', async () => {
  const handler: AssignmentHandler = { assigned: () => {}, revoked: async () => {}, lost: () => {} };
  const source = await opened('consumer', handler, { now: () => 0, monotonic: () => 0, sleep: async () => {} });
  const consumer = last as FakeConsumer;
  const error = { code: -150, message: 'Local: Fatal error' };
  consumer.answers.push({ error }, { error });
  await expect(source.poll(10, 1)).rejects.toMatchObject({ kind: 'unavailable', code: 'kafka_client_fatal' });
  consumer.emit('event.log', {
    message:
      '[thrd:main]: Fatal error: Broker: API version not supported: ConsumerGroupHeartbeat fatal error: Broker: API version not supported',
  });
  await expect(source.poll(10, 1)).rejects.toMatchObject({ kind: 'invalid', code: 'group_protocol_unsupported' });
});

test('a cluster that does not know the protocol is refused before the client waits for it in silence', async () => {
  const asked = (knows: boolean) => requireConsumerProtocol({ hasConsumerProtocol: async () => knows } as SourceMetadata);
  await expect(asked(false)).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringContaining('MILLRACE_GROUP_PROTOCOL=classic'),
  });
  await asked(true);
});

test('an error that may have swallowed marks of ends has partitions read anew from where they stand, so that the marks come again; counted, and not again and again', async () => {
  let now = 0;
  const handler: AssignmentHandler = { assigned: () => {}, revoked: async () => {}, lost: () => {} };
  const clock = { now: () => now, monotonic: () => now, sleep: async () => {} };
  let rereads = 0;
  const source = await opened('classic', handler, clock, () => rereads++);
  const consumer = last as FakeConsumer;
  consumer.config.rebalance_cb({ code: -175 }, [{ topic: 't', partition: 0 }]);
  source.start({ topic: 't', partition: 0, offset: 5n, leaderEpoch: 2 });
  const end = { topic: 't', partition: 0, offset: 7 };
  const trouble = { error: { code: 29, message: 'not authorized' }, ends: [end] };
  consumer.answers.push(trouble, { error: null, ends: [end] }, trouble, { error: null }, { error: null });

  await expect(source.poll(10, 1)).rejects.toThrow(/not authorized/);
  expect(await source.poll(10, 1)).toMatchObject([{ startOffset: 5n, endOffset: 7n, recordCount: 0 }]);
  expect(consumer.calls).toEqual(['read 0 from 5', 'leave 0', 'read 0 from 5']);

  await expect(source.poll(10, 1)).rejects.toThrow(/not authorized/);
  await source.poll(10, 1);
  expect(consumer.calls).toHaveLength(3);
  expect(rereads).toBe(1);
  now += 6_000;
  await source.poll(10, 1);
  expect(consumer.calls.slice(3)).toEqual(['leave 0', 'read 0 from 7']);
  expect(rereads).toBe(2);
});
