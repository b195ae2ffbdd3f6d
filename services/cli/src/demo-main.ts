import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { describeError, isKind } from '@millrace/core/domain/errors.ts';
import { readSettings, settingShapes } from '@millrace/core/domain/settings.ts';
import { createMetastoreClient } from '@millrace/metastore/client/client.ts';
import { z } from 'zod';
import { register } from './demo/register.ts';
import { DemoTopic, kafkaSecurity } from './demo/topic.ts';

/*
 * A stream of orders and the dataset that reads it, to see Millrace at work: `entrypoint.mjs demo [--rate N] [--records N] [--dataset NAME]`.
 * Ends when it was asked to (SIGTERM), or when --records are acknowledged. Started again it goes on where the topic ends.
 */

/** Also the name of the topic. */
const DATASET = 'orders';
const RATE = 200;
const NUMBER_MAX = 1_000_000_000;
/** How long a metastore that is away is waited for, and the pause between tries, ms. */
const waitMaxMs = 120_000;
const pauseMs = 1_000;

const config = z.object({
  KAFKA_BROKERS: settingShapes.KAFKA_BROKERS,
  KAFKA_PROPERTIES: settingShapes.KAFKA_PROPERTIES,
  MILLRACE_METASTORE_URL: settingShapes.MILLRACE_METASTORE_URL,
});

const say = (words: string) => void process.stdout.write(`${words}\n`);

/** A positive whole number of the command line. @throws Error with words for the user */
function count(name: string, text: string): number {
  const number = Number(text);
  if (!/^[0-9]+$/.test(text) || number < 1 || number > NUMBER_MAX)
    throw new Error(`--${name} is a whole number from 1 to ${NUMBER_MAX}, not ${text}`);
  return number;
}

async function main(stop: AbortSignal): Promise<void> {
  const { values } = parseArgs({
    options: { rate: { type: 'string' }, records: { type: 'string' }, dataset: { type: 'string', default: DATASET } },
  });
  const rate = values.rate === undefined ? RATE : count('rate', values.rate);
  const records = values.records === undefined ? Number.MAX_SAFE_INTEGER : count('records', values.records);
  const settings = readSettings(config, process.env);
  const topic = new DemoTopic(values.dataset, settings.KAFKA_BROKERS, kafkaSecurity(settings.KAFKA_PROPERTIES));
  try {
    await topic.create();
    await registerWhenThere(settings.MILLRACE_METASTORE_URL, values.dataset, stop);
    say(`dataset ${values.dataset} reads the topic of that name; ${rate} orders a second`);
    await topic.produce({ records, rate, stop });
    say(`${topic.produced} orders produced`);
  } finally {
    await topic.close();
  }
}

/** @throws what {@link register} throws; kind `unavailable` only after 2 minutes of it */
async function registerWhenThere(metastoreUrl: string, name: string, stop: AbortSignal): Promise<void> {
  const metastore = createMetastoreClient(metastoreUrl);
  const deadline = Date.now() + waitMaxMs;
  while (!stop.aborted) {
    try {
      await register(metastore, { name, kafkaTopic: name, mode: 'append', pkFields: ['id'], partitionKeys: ['date'] });
      return;
    } catch (error) {
      if (!isKind(error, 'unavailable') || Date.now() > deadline) throw error;
      await sleep(pauseMs, undefined, { signal: stop }).catch(() => undefined);
    }
  }
}

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => (stop.signal.aborted ? process.exit(1) : stop.abort()));
main(stop.signal).then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`demo: ${describeError(error)}\n`);
    process.exit(1);
  },
);
