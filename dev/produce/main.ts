import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { DemoTopic, kafkaSecurity } from '@millrace/cli/demo/topic.ts';
import { describeError } from '@millrace/core/domain/errors.ts';
import { Producer } from '@platformatic/kafka';

const USAGE = `usage: npm run produce -- TOPIC [--records NUMBER]
  --records NUMBER   so many orders of the demo; without it each line of standard input becomes the value of a record
Kafka is KAFKA_BROKERS (and KAFKA_PROPERTIES). The topic is created with 4 partitions when it is missing.`;
/** Lines of standard input sent at a time. */
const BATCH_RECORDS_MAX = 1_000;

/** `npm run produce`: something to land, for whoever has no producer at hand. */
const { values, positionals } = parseArgs({ allowPositionals: true, options: { records: { type: 'string' } } });
const [name] = positionals;
const brokers = process.env.KAFKA_BROKERS;
if (
  name === undefined ||
  positionals.length > 1 ||
  (values.records !== undefined && !/^[1-9][0-9]{0,8}$/.test(values.records)) ||
  !brokers
) {
  process.stderr.write(`${brokers ? '' : 'KAFKA_BROKERS is not set\n'}${USAGE}\n`);
  process.exit(2);
}

try {
  const security = kafkaSecurity(process.env.KAFKA_PROPERTIES);
  const topic = new DemoTopic(name, brokers, security);
  try {
    await topic.create();
    if (values.records === undefined) await produceLines(name, brokers, security);
    else await topic.produce({ records: Number(values.records), rate: undefined, stop: new AbortController().signal });
    process.stdout.write(`${name}: ends at ${(await topic.ends()).join(', ')}\n`);
  } finally {
    await topic.close();
  }
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 1;
}

async function produceLines(topic: string, bootstrap: string, security: ReturnType<typeof kafkaSecurity>): Promise<void> {
  const bootstrapBrokers = bootstrap.split(',').map((broker) => broker.trim());
  const producer = new Producer({ ...security, clientId: 'millrace-produce', bootstrapBrokers, acks: -1, retries: 20, retryDelay: 500 });
  try {
    let messages: { topic: string; value: Buffer }[] = [];
    const send = async () => {
      if (messages.length > 0) await producer.send({ messages });
      messages = [];
    };
    for await (const line of createInterface({ input: process.stdin })) {
      messages.push({ topic, value: Buffer.from(line) });
      if (messages.length >= BATCH_RECORDS_MAX) await send();
    }
    await send();
  } finally {
    await producer.close();
  }
}
