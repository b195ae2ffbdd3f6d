import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { compareEngines, deltaRs } from '../interop/engines.ts';
import { startLoad } from '../support/load.ts';
import { endsOf, pythonJson, type RawComparison, type RawSummary, readTruth } from '../support/python.ts';
import { runCli } from '../support/run-cli.ts';
import { createDataset, type Service, startServices, waitUntilCommitted } from '../support/services.ts';
import { freshBucket, freshDirectory, freshTopic, kafkaBrokers, uniqueName } from '../support/stack.ts';
import { type Episode, schedule } from './schedule.ts';

/*
 * Two workers of each phase under load are killed and stopped past their session, over and over. Afterwards the stand-alone reader, an independent
 * Kafka client, another engine, a second mapping and `verify --against-kafka` must all agree that nothing was lost and nothing doubled.
 */

/** Per store. */
const KILLS = Number(process.env.MILLRACE_CRASH_KILLS ?? 5);
const PAUSES = Number(process.env.MILLRACE_CRASH_PAUSES ?? 1);
const SEED = Number(process.env.MILLRACE_CRASH_SEED ?? Date.now() % 1_000_000);
const SESSION_TIMEOUT_MS = 6_000;
const RECORDS_PER_SECOND = 1_000;
const CATCH_UP_WITHIN_MS = 180_000;
const PARTITIONS = 4;

const places = {
  files: () => {
    const url = pathToFileURL(freshDirectory('lake')).href;
    return { rawUrl: `${url}/raw`, tablesUrl: `${url}/tables`, env: {} };
  },
  S3: () => {
    const { url, env } = freshBucket();
    return { rawUrl: `${url}/raw`, tablesUrl: `${url}/tables`, env };
  },
};

async function suffer(worker: Service, episode: Episode): Promise<void> {
  await sleep(episode.afterMs);
  if (episode.do === 'kill') {
    await worker.kill();
    await sleep(episode.downMs);
    await worker.start();
  } else {
    worker.pause();
    await sleep(episode.pausedMs);
    worker.resume();
  }
}

/** Defines the test on one store. A file of its own for each, so that they run side by side. */
export function defineKillsTest(place: 'files' | 'S3'): void {
  test(`on ${place}: two workers of each phase under load; ${KILLS} kills and ${PAUSES} stops past the session lose nothing and double nothing (seed ${SEED})`, async () => {
    const { rawUrl, tablesUrl, env } = places[place]();
    const work = freshDirectory('crash');
    const topic = await freshTopic({ prefix: 'crash', partitions: PARTITIONS });
    const dataset = uniqueName('crash');
    const services = await startServices({
      rawUrl,
      tablesUrl,
      phase1: 2,
      phase2: 2,
      dir: work,
      env: { ...env, MILLRACE_SESSION_TIMEOUT_MS: String(SESSION_TIMEOUT_MS) },
    });
    try {
      await createDataset(services.metastoreUrl, { name: dataset, kafkaTopic: topic, pkFields: ['id'], partitionKeys: ['date'] });
      const load = startLoad(topic, RECORDS_PER_SECOND);
      const workers = services.phase1.flatMap((worker, index) => [worker, services.phase2[index] as Service]);
      for (const episode of schedule(SEED, workers.length, KILLS, PAUSES, SESSION_TIMEOUT_MS))
        await suffer(workers[episode.worker] as Service, episode);
      await load.stop();

      const truthFile = join(work, 'truth.tsv');
      const truth = await readTruth(kafkaBrokers(), topic, truthFile);
      expect(truth.partitions.reduce((sum, { records }) => sum + records, 0)).toBeGreaterThanOrEqual(load.produced());
      await waitUntilCommitted(services.metastoreUrl, dataset, endsOf(truth), CATCH_UP_WITHIN_MS);

      const rawFile = join(work, 'raw.tsv');
      const raw = await pythonJson<RawSummary>('checker/raw_reader.py', '--url', rawUrl, '--topic', topic, '--out', rawFile, '--jq');
      expect(raw.errors).toEqual([]);
      expect(raw.chains).toHaveLength(PARTITIONS);
      expect(raw.chains.reduce((claims, { epochs }) => claims + epochs.length, 0)).toBeGreaterThan(PARTITIONS);
      expect(await pythonJson<RawComparison>('checker/compare_raw.py', '--raw', rawFile, '--truth', truthFile)).toMatchObject({
        differences: 0,
      });

      const table = await compareEngines({ rawUrl, tablesUrl, dataset, topic, pkFields: ['id'] }, [deltaRs], work);
      expect(table).toMatchObject({ differences: 0, problems: [], expected: { pending: 0 } });
      const verified = await runCli(['verify', dataset, '--against-kafka'], services.env);
      expect(verified.code, verified.output).toBe(0);
    } finally {
      await services.stop();
    }
  });
}
