import { promisify } from 'node:util';
import kafka from '@confluentinc/kafka-javascript';

const TIMEOUT_MS = 30_000;

/**
 * One throw-away group and one throw-away transaction: a new cluster creates its internal topics at the first of each,
 * which takes some seconds that would count against the first test.
 */
export async function warmUp(brokers: string): Promise<void> {
  const admin = kafka.AdminClient.create({ 'bootstrap.servers': brokers });
  const topic = 'warm-up';
  await promisify(admin.createTopic.bind(admin, { topic, num_partitions: 1, replication_factor: 1 }, TIMEOUT_MS))();
  admin.disconnect();
  await Promise.all([join(brokers, topic), transact(brokers)]);
}

async function join(brokers: string, topic: string): Promise<void> {
  const assigned = Promise.withResolvers<void>();
  const consumer = new kafka.KafkaConsumer(
    { 'bootstrap.servers': brokers, 'group.id': 'warm-up', 'enable.auto.commit': false, rebalance_cb: true },
    { 'auto.offset.reset': 'earliest' },
  );
  consumer.on('rebalance', () => assigned.resolve());
  await new Promise<void>((resolve, reject) => consumer.connect({}, (error) => (error ? reject(error) : resolve())));
  consumer.subscribe([topic]);
  const poll = setInterval(() => consumer.consume(1, () => undefined), 100);
  const late = setTimeout(() => assigned.reject(new Error(`no group could be joined at ${brokers} within ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
  try {
    await assigned.promise;
  } finally {
    clearInterval(poll);
    clearTimeout(late);
    await new Promise<void>((resolve) => consumer.disconnect(() => resolve()));
  }
}

async function transact(brokers: string): Promise<void> {
  const producer = new kafka.Producer({ 'bootstrap.servers': brokers, 'transactional.id': 'warm-up' });
  await new Promise<void>((resolve, reject) => producer.connect({}, (error) => (error ? reject(error) : resolve())));
  await new Promise<void>((resolve, reject) => producer.initTransactions(TIMEOUT_MS, (error) => (error ? reject(error) : resolve())));
  await new Promise<void>((resolve) => producer.disconnect(() => resolve()));
}
