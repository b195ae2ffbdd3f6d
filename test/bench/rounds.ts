import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { discoverPartitions, discoverTopicIds } from '@millrace/core/chain/discover.ts';
import { readEntry } from '@millrace/core/chain/entries.ts';
import { findTail } from '@millrace/core/chain/tail.ts';
import { readTableState } from '@millrace/core/delta/snapshot.ts';
import { positionAppId } from '@millrace/core/domain/source.ts';
import { scopedStore } from '@millrace/core/stores/scoped-store.ts';
import { createMetastoreClient } from '@millrace/metastore/client/client.ts';
import { cpuSecondsOf } from '../../dev/demo/once.ts';
import { serviceEnvironment } from '../../dev/demo/services.ts';
import { createPart, type Part } from '../../dev/stack/part.ts';
import { choosePort } from '../../dev/stack/ports.ts';
import type { BenchData } from './data.ts';

const execute = promisify(execFile);
const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const LOOK_INTERVAL_MS = 50;
const ROUND_WITHIN_MS = 600_000;

/** What one measured run of one contender took. */
export type Measured = { seconds: number; cpuSeconds: number };
export type Round = { consume: Measured; phase1: Measured; parse: Measured; phase2: Measured };

export type Bench = { brokers: string; databaseUrl: string; metastoreUrl: string; dir: string };

/** Runs every contender once over the same topic, each as a process of its own, one after the other. `turn` alternates who goes first. */
export async function runRound(bench: Bench, data: BenchData, topic: string, records: number, turn: number): Promise<Round> {
  const dir = join(bench.dir, `${data.name}-${turn}`);
  const rawDir = join(dir, 'raw');
  for (const folder of [rawDir, join(dir, 'tables')]) mkdirSync(folder, { recursive: true });
  const urls = { raw: pathToFileURL(rawDir).href, tables: pathToFileURL(join(dir, 'tables')).href };
  const metastore = createMetastoreClient(bench.metastoreUrl);
  const dataset = `${data.name}-${turn}`;
  const script = async (file: string, ...args: string[]): Promise<Measured> =>
    JSON.parse(
      (await execute(process.execPath, [here(file), ...args], { env: { ...process.env, UV_THREADPOOL_SIZE: '16' } })).stdout,
    ) as Measured;
  const consume = () => script('bare-consume.ts', bench.brokers, topic, '2', String(records));
  const parse = () => script('bare-parse.ts', join(rawDir, topic));
  const first = turn % 2 === 0 ? await consume() : undefined;
  const phase1 = await measurePhase1(bench, dir, urls, topic, records, () =>
    metastore.createDataset({ name: dataset, kafkaTopic: topic, pkFields: [data.pkField] }),
  );
  const consumed = first ?? (await consume());
  await metastore.pause(dataset);
  const parsedFirst = turn % 2 === 0 ? await parse() : undefined;
  const phase2 = await measurePhase2(bench, dir, urls, dataset, topic, records, () => metastore.resume(dataset));
  const parsed = parsedFirst ?? (await parse());
  await metastore.deleteDataset(dataset);
  return { consume: consumed, phase1, parse: parsed, phase2 };
}

type Urls = { raw: string; tables: string };

async function startService(
  bench: Bench,
  dir: string,
  urls: Urls,
  name: string,
  folder: string,
  settings: Record<string, string>,
): Promise<{ part: Part; adminUrl: string }> {
  const port = await choosePort(9_201);
  const adminUrl = `http://127.0.0.1:${port}`;
  const part = createPart({
    name,
    dir,
    command: process.execPath,
    args: [fileURLToPath(new URL(`../../services/${folder}/src/main.ts`, import.meta.url))],
    env: {
      ...serviceEnvironment(process.env),
      KAFKA_BROKERS: bench.brokers,
      DATABASE_URL: bench.databaseUrl,
      MILLRACE_METASTORE_URL: bench.metastoreUrl,
      MILLRACE_RAW_URL: urls.raw,
      MILLRACE_TABLES_URL: urls.tables,
      MILLRACE_STATE_DIR: join(dir, 'state'),
      MILLRACE_GROUP_PREFIX: `bench-${process.pid}-${dir.split('/').at(-1)}`,
      MILLRACE_ADMIN_PORT: String(port),
      UV_THREADPOOL_SIZE: '16',
      LOG_LEVEL: 'warn',
      NODE_ENV: 'production',
      ...settings,
    },
    stopSignal: 'SIGTERM',
    isReady: async () => (await fetch(`${adminUrl}/readyz`).catch(() => undefined))?.ok ?? false,
  });
  await part.start();
  return { part, adminUrl };
}

/** From the first claim to the last entry of the chain, by their own times; CPU of the whole process meanwhile. */
async function measurePhase1(
  bench: Bench,
  dir: string,
  urls: Urls,
  topic: string,
  records: number,
  begin: () => Promise<unknown>,
): Promise<Measured> {
  const { part, adminUrl } = await startService(bench, dir, urls, 'phase1', 'phase1-dumper', { MILLRACE_SEAL_INTERVAL_MS: '500' });
  const raw = openObjectStore(urls.raw);
  try {
    const before = (await cpuSecondsOf(adminUrl)) ?? 0;
    await begin();
    let begun = Number.POSITIVE_INFINITY;
    const ended = await until(async () => {
      let landed = 0n;
      let last = 0;
      for (const topicId of await discoverTopicIds(raw, topic))
        for (const partition of await discoverPartitions(raw, topic, topicId)) {
          const source = { topicId, partition };
          const tail = await findTail(raw, topic, source);
          const claim = await readEntry(raw, topic, source, 0n);
          if (tail === undefined || claim === undefined) continue;
          landed += tail.endOffset;
          begun = Math.min(begun, Date.parse(claim.createdAt));
          last = Math.max(last, Date.parse(tail.createdAt));
        }
      return landed >= BigInt(records) ? last : undefined;
    }, 'phase 1 to land everything');
    return { seconds: (ended - begun) / 1000, cpuSeconds: ((await cpuSecondsOf(adminUrl)) ?? 0) - before };
  } finally {
    await part.stop();
    await raw.close();
  }
}

/** From the moment the dataset may run and its leg has begun to the commit that reaches the end; CPU of the whole process meanwhile. */
async function measurePhase2(
  bench: Bench,
  dir: string,
  urls: Urls,
  dataset: string,
  topic: string,
  records: number,
  begin: () => Promise<unknown>,
): Promise<Measured> {
  const { part, adminUrl } = await startService(bench, dir, urls, 'phase2', 'phase2-transformer', { MILLRACE_BATCH_INTERVAL_MS: '500' });
  const tables = openObjectStore(urls.tables);
  const raw = openObjectStore(urls.raw);
  const table = scopedStore(tables, dataset);
  try {
    const [topicId] = await discoverTopicIds(raw, topic);
    const before = (await cpuSecondsOf(adminUrl)) ?? 0;
    await begin();
    const begun = await until(async () => (await table.list('_millrace/start/', { limit: 1 }))[0]?.lastModifiedMs, 'phase 2 to begin');
    await until(async () => {
      const state = await readTableState(table);
      const positions = [0, 1].map((partition) => state?.txns.get(positionAppId({ topicId: topicId ?? '', partition })) ?? 0n);
      return positions.reduce((a, b) => a + b, 0n) >= BigInt(records) ? true : undefined;
    }, 'phase 2 to commit everything');
    return { seconds: (Date.now() - begun) / 1000, cpuSeconds: ((await cpuSecondsOf(adminUrl)) ?? 0) - before };
  } finally {
    await part.stop();
    await Promise.all([tables.close(), raw.close()]);
  }
}

async function until<T>(ask: () => Promise<T | undefined>, what: string): Promise<T> {
  const deadline = Date.now() + ROUND_WITHIN_MS;
  for (;;) {
    const value = await ask();
    if (value !== undefined) return value;
    if (Date.now() > deadline) throw new Error(`waited ${ROUND_WITHIN_MS / 1000} s for ${what}`);
    await sleep(LOOK_INTERVAL_MS);
  }
}
