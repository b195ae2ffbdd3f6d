import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endsOf, pythonJson, type RawComparison, type RawSummary, readTruth, type Truth } from '../support/python.ts';
import { createDataset, type Services, startServices, waitUntilLanded } from '../support/services.ts';
import { freshBucket, freshDirectory, kafkaBrokers, uniqueName } from '../support/stack.ts';

/*
 * Everything that landed, read by a stand-alone program written from docs/formats alone, against what Kafka holds by a client that is not librdkafka:
 * nasty records, five codecs, aborted transactions, compaction holes, two incarnations of a topic; on both stores at once.
 */

const WITHIN_MS = 180_000;
const kinds = ['nasty', 'codecs', 'txn', 'compact', 'twice'] as const;
const prefix = uniqueName('corpus');
const topicOf = (kind: string) => `${prefix}.${kind}`;
const work = freshDirectory('raw-reader');
const truthFile = (name: string) => join(work, `${name}.truth.tsv`);
const truths = new Map<string, Truth>();

type Store = { name: string; rawUrl: string; tablesUrl: string; env: Readonly<Record<string, string>> };
const stores: Store[] = [fileStore(), s3Store()];
const services = new Map<string, Services>();
const on = (store: Store) => services.get(store.name) as Services;

function fileStore(): Store {
  const lake = freshDirectory('lake');
  return { name: 'files', rawUrl: pathToFileURL(join(lake, 'raw')).href, tablesUrl: pathToFileURL(join(lake, 'tables')).href, env: {} };
}

function s3Store(): Store {
  const { url, env } = freshBucket();
  return { name: 'S3', rawUrl: `${url}/raw`, tablesUrl: `${url}/tables`, env };
}

async function readRaw(store: Store, kind: string): Promise<{ summary: RawSummary; file: string }> {
  const file = join(work, `${store.name}.${kind}.raw.tsv`);
  return {
    summary: await pythonJson('checker/raw_reader.py', '--url', store.rawUrl, '--topic', topicOf(kind), '--out', file, '--jq'),
    file,
  };
}

const captureTruth = async (name: string, kind: string, ...more: string[]) => {
  const truth = await readTruth(kafkaBrokers(), topicOf(kind), truthFile(name), ...more);
  truths.set(name, truth);
  return truth;
};

beforeAll(async () => {
  await pythonJson('corpus/produce_corpus.py', '--brokers', kafkaBrokers(), '--prefix', prefix, 'produce');
  for (const kind of kinds) await captureTruth(kind, kind, ...(kind === 'nasty' ? ['--any-header-name'] : []));
  await Promise.all(
    stores.map(async (store) => {
      const started = await startServices({ ...store, phase2: 0 });
      services.set(store.name, started);
      for (const kind of kinds)
        await createDataset(started.metastoreUrl, { name: kind, kafkaTopic: topicOf(kind), pkFields: [], partitionKeys: [] });
    }),
  );
}, 280_000);

afterAll(async () => {
  await Promise.all([...services.values()].map((each) => each.stop()));
}, 60_000);

describe.each(stores)('on $name', (store) => {
  test.each(kinds)('%s: every key, header, timestamp and value is there byte for byte, once', async (kind) => {
    await waitUntilLanded(on(store), kind, endsOf(truths.get(kind) as Truth), WITHIN_MS);
    const { summary, file } = await readRaw(store, kind);
    expect(summary.errors).toEqual([]);
    // the cleaner of a compacted topic may have gone on since landing: what it took is in the earlier truth
    const now = kind === 'compact' ? ['--truth', truthFile('compact.now'), '--before', truthFile('compact')] : ['--truth', truthFile(kind)];
    if (kind === 'compact') await captureTruth('compact.now', kind);
    const comparison = await pythonJson<RawComparison>('checker/compare_raw.py', '--raw', file, ...now);
    expect(comparison).toMatchObject({ differences: 0 });
    expect(comparison.partitions.every(({ records }) => records > 0)).toBe(true);
    if (kind === 'nasty') expect(comparison.partitions.reduce((sum, { exemptHeaders }) => sum + exemptHeaders, 0)).toBeLessThanOrEqual(4);
    if (kind === 'txn' || kind === 'compact') expect(summary.chains.every(({ gaps }) => gaps.length > 0)).toBe(true);
  });
});

describe('a topic is deleted and made again', () => {
  let second: Truth;

  beforeAll(async () => {
    await pythonJson('corpus/produce_corpus.py', '--brokers', kafkaBrokers(), '--prefix', prefix, '--records', '40', 'recreate');
    second = await captureTruth('twice.second', 'twice');
  });

  test.each(stores)('on $name: a chain each, no record of either lost or mixed', async (store) => {
    await waitUntilLanded(on(store), 'twice', endsOf(second), WITHIN_MS);
    const { summary, file } = await readRaw(store, 'twice');
    expect(summary.errors).toEqual([]);
    const first = truths.get('twice') as Truth;
    expect(new Set(summary.chains.map(({ topicId }) => topicId))).toEqual(new Set([first.topicId, second.topicId]));
    const comparison = await pythonJson<RawComparison>(
      'checker/compare_raw.py',
      '--raw',
      file,
      '--truth',
      truthFile('twice'),
      '--truth',
      truthFile('twice.second'),
    );
    expect(comparison).toMatchObject({ differences: 0 });
  });
});
