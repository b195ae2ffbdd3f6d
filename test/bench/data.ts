import { seeded } from '@millrace/core/adapters/system/seeded.ts';
import { Admin, Producer } from '@platformatic/kafka';

/** A stream of records to measure with. `value` gives the JSON text of record `index`, the same each time. */
export type BenchData = { name: string; words: string; pkField: string; value(index: number): string };

/** Flat orders: one level, thirteen members. */
export const flatOrders: BenchData = {
  name: 'orders',
  words: 'flat orders, 13 members on one level',
  pkField: 'id',
  value: (index) => {
    const random = seeded(index + 1);
    const n = (max: number) => Math.floor(random() * max);
    const day = new Date(1_767_225_600_000 + n(30) * 86_400_000).toISOString();
    return `{"id":${index},"date":"${day.slice(0, 10)}","created_at":"${day}","customer_id":${n(100_000)},"customer_name":"Customer number ${n(100_000)}","country":"${['DE', 'BR', 'JP', 'UA'][n(4)]}","channel":"${['web', 'app', 'store'][n(3)]}","sku":"SKU-${n(5_000)}","quantity":${1 + n(9)},"unit_price":${(1 + random() * 90).toFixed(2)},"total":${(1 + random() * 900).toFixed(2)},"currency":"EUR","gift":${n(2) === 0}}`;
  },
};

/** Nested events: structs three levels deep, lists of structs and of strings. */
export const nestedEvents: BenchData = {
  name: 'events',
  words: 'nested events, structs three levels deep with lists of structs',
  pkField: 'eventId',
  value: (index) => {
    const random = seeded(index + 7);
    const n = (max: number) => Math.floor(random() * max);
    const word = () => ['mill', 'grain', 'flour', 'stone', 'water', 'wheel'][n(6)] as string;
    const product = () => ({
      sku: `SKU-${n(9_999)}`,
      name: `${word()} ${word()}`,
      price: { amount: n(10_000), currency: 'EUR' },
      tags: [word(), word()],
      dimensions: { weight: n(5_000), width: n(300), height: n(300), depth: n(300) },
    });
    return JSON.stringify({
      eventId: `e-${index}`,
      type: ['view', 'click', 'cart', 'order'][n(4)],
      at: new Date(1_767_225_600_000 + index * 37).toISOString(),
      user: {
        id: n(1_000_000),
        anonymous: n(2) === 0,
        name: `${word()} ${word()}`,
        address: { city: word(), zip: String(n(99_999)), geo: { latitude: n(90_000), longitude: n(180_000) } },
      },
      device: {
        os: { name: 'linux', version: `${n(9)}.${n(20)}` },
        browser: { name: word(), version: `${n(140)}.0` },
        screen: { width: 800 + n(3_000), height: 600 + n(2_000) },
        languages: ['de', 'uk', 'pt'],
      },
      session: {
        id: `s-${n(1_000_000)}`,
        started: 1_767_225_600_000 + n(100_000),
        pages: n(40),
        referrer: { host: `${word()}.example`, path: `/${word()}/${word()}` },
      },
      products: [product(), product(), product()],
      experiments: [
        { name: word(), variant: n(4) },
        { name: word(), variant: n(4) },
      ],
      flags: { beta: n(2) === 0, consent: n(2) === 0 },
    });
  },
};

const PARTITIONS = 2;
const BATCH_RECORDS = 1_000;

/** Creates the topic and produces `records` to it. @returns bytes of values */
export async function produceData(brokers: string, topic: string, data: BenchData, records: number): Promise<number> {
  const bootstrapBrokers = brokers.split(',');
  const admin = new Admin({ clientId: 'bench', bootstrapBrokers, retries: 10, retryDelay: 300 });
  await admin.createTopics({ topics: [topic], partitions: PARTITIONS, replicas: 1 });
  await admin.close();
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
    clientId: 'bench',
    bootstrapBrokers,
    acks: -1,
    retries: 10,
    retryDelay: 300,
  });
  let bytes = 0;
  for (let first = 0; first < records; first += BATCH_RECORDS) {
    const messages = Array.from({ length: Math.min(BATCH_RECORDS, records - first) }, (_, i) => {
      const value = Buffer.from(data.value(first + i));
      bytes += value.length;
      return { topic, key: Buffer.from(`k${first + i}`), value };
    });
    await producer.send({ messages });
  }
  await producer.close();
  return bytes;
}
