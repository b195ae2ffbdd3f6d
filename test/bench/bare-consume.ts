import kafka from '@confluentinc/kafka-javascript';

/*
 * The yardstick of phase 1, run as a process of its own: a bare `consume(n, cb)` loop of the same client, tuned as phase 1 tunes it.
 * Arguments: brokers, topic, partitions, records. Prints one JSON line.
 */
const [brokers, topic, partitions, records] = [
  process.argv[2] as string,
  process.argv[3] as string,
  Number(process.argv[4]),
  Number(process.argv[5]),
];
const BATCH_RECORDS = 2_000;

const consumer = new kafka.KafkaConsumer(
  {
    'bootstrap.servers': brokers,
    'group.id': `bench-${process.pid}`,
    'enable.auto.commit': false,
    'fetch.queue.backoff.ms': 2,
    'queued.max.messages.kbytes': 65_536,
    'check.crcs': true,
  },
  { 'auto.offset.reset': 'error' },
);
await new Promise<void>((resolve, reject) => consumer.connect({}, (error) => (error ? reject(error) : resolve())));
consumer.setDefaultConsumeTimeout(200);
// present in the client, missing in its types
(consumer as unknown as { setDefaultIsTimeoutOnlyForFirstMessage(only: boolean): void }).setDefaultIsTimeoutOnlyForFirstMessage(true);
consumer.assign(Array.from({ length: partitions }, (_, partition) => ({ topic, partition, offset: 0 })));
const cpu = process.cpuUsage();
const begun = performance.now();
let bytes = 0;
for (let seen = 0; seen < records; ) {
  const batch = await new Promise<{ value: Buffer | null }[]>((resolve, reject) =>
    consumer.consume(BATCH_RECORDS, (error, messages) => (error ? reject(error) : resolve(messages as { value: Buffer | null }[]))),
  );
  for (const message of batch) bytes += message.value?.length ?? 0;
  seen += batch.length;
}
const { user, system } = process.cpuUsage(cpu);
process.stdout.write(`${JSON.stringify({ seconds: (performance.now() - begun) / 1000, cpuSeconds: (user + system) / 1e6, bytes })}\n`);
process.exit(0);
