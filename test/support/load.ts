import { setTimeout as sleep } from 'node:timers/promises';
import { Producer, stringSerializers } from '@platformatic/kafka';
import { kafkaBrokers } from './stack.ts';

const BATCH_RECORDS = 100;

/** A steady stream of small orders into a topic, every record numbered, acknowledged by all replicas. */
export interface Load {
  /** Records acknowledged so far. */
  readonly produced: () => number;
  /** Ends the stream after the batch in flight; throws what made it fail. */
  stop(): Promise<void>;
}

/** Begins to produce about `recordsPerSecond` records a second. */
export function startLoad(topic: string, recordsPerSecond: number): Load {
  const producer = new Producer({ clientId: 'load', bootstrapBrokers: kafkaBrokers().split(','), serializers: stringSerializers });
  let number = 0;
  let acknowledged = 0;
  let running = true;
  const work = (async () => {
    while (running) {
      const messages = Array.from({ length: BATCH_RECORDS }, () => record(topic, number++));
      await producer.send({ messages, acks: -1 });
      acknowledged += messages.length;
      await sleep((BATCH_RECORDS / recordsPerSecond) * 1000);
    }
  })();
  work.catch(() => {});
  return {
    produced: () => acknowledged,
    async stop() {
      running = false;
      await work.finally(() => producer.close());
    },
  };
}

/** Every 500th has no value and every 300th is not JSON, so that each ending of a record is under fire too. */
function record(topic: string, number: number): { topic: string; key: string; value?: string } {
  const key = `order-${number}`;
  if (number % 500 === 499) return { topic, key };
  if (number % 300 === 299) return { topic, key, value: `not json ${number}` };
  const id = (2n ** 53n + BigInt(number)).toString();
  const date = `2026-01-0${1 + (number % 3)}`;
  return { topic, key, value: `{"id":${id},"date":"${date}","total":${number}.5,"customer":{"name":"Zoë ${number}","tags":["a","b"]}}` };
}
