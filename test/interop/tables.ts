import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { endsOf, pythonJson, readTruth } from '../support/python.ts';
import { createDataset, type Services, startServices, waitUntilCommitted } from '../support/services.ts';
import { freshBucket, freshDirectory, kafkaBrokers, uniqueName } from '../support/stack.ts';
import type { TableAt } from './engines.ts';

/** A lake with two tables: `nasty`, of the records that break things, and `plain`, partitioned orders. */
export type Tables = { services: Services; work: string; nasty: TableAt; plain: TableAt };

const WITHIN_MS = 180_000;

/** Makes the corpus, runs the services until both tables have reached Kafka's ends. @param bigBytes size of the largest value */
export async function makeTables(store: 'files' | 'S3', bigBytes: number): Promise<Tables> {
  const work = freshDirectory('tables');
  const bucket = store === 'S3' ? freshBucket() : undefined;
  const base = bucket?.url ?? pathToFileURL(work).href;
  const urls = { rawUrl: `${base}/raw`, tablesUrl: `${base}/tables` };
  const prefix = uniqueName('tables');
  const corpus = ['corpus/produce_corpus.py', '--brokers', kafkaBrokers(), '--prefix', prefix] as const;
  await pythonJson(...corpus, '--only', 'nasty,plain', '--big-bytes', String(bigBytes), '--records', '6000', 'produce');
  const services = await startServices({ ...urls, env: bucket?.env ?? {} });
  try {
    const nasty: TableAt = { ...urls, dataset: 'nasty', topic: `${prefix}.nasty` };
    const plain: TableAt = { ...urls, dataset: 'plain', topic: `${prefix}.plain`, pkFields: ['id'] };
    await createDataset(services.metastoreUrl, { name: nasty.dataset, kafkaTopic: nasty.topic, pkFields: [], partitionKeys: [] });
    await createDataset(services.metastoreUrl, {
      name: plain.dataset,
      kafkaTopic: plain.topic,
      pkFields: ['id'],
      partitionKeys: ['customer.country', 'day(_source_timestamp)'],
    });
    for (const table of [nasty, plain]) {
      const truth = await readTruth(
        kafkaBrokers(),
        table.topic,
        join(work, `${table.dataset}.truth.tsv`),
        ...(table === nasty ? ['--any-header-name'] : []),
      );
      await waitUntilCommitted(services, table.dataset, endsOf(truth), WITHIN_MS);
    }
    return { services, work, nasty, plain };
  } catch (error) {
    await services.stop();
    throw error;
  }
}
