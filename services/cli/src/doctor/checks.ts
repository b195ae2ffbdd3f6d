import { fileURLToPath } from 'node:url';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { requireUsableRoots } from '@millrace/core/adapters/roots.ts';
import { bucketClockAheadMs, lookAtBucket } from '@millrace/core/adapters/s3/bucket-look.ts';
import { systemClock } from '@millrace/core/adapters/system/clock.ts';
import { systemRandom } from '@millrace/core/adapters/system/random.ts';
import { describeError, MillraceError } from '@millrace/core/domain/errors.ts';
import { probeStore } from '@millrace/core/stores/probe-store.ts';
import type { Context } from './context.ts';
import { failure, unknown } from './finding.ts';
import { type ClockReading, judgeClocks } from './judge/clocks.ts';
import { judgeDatabase } from './judge/database.ts';
import { judgeFolder, judgeMemory, judgeNode, stateSpace, storeSpace } from './judge/machine.ts';
import { judgeDatasets, judgeMetastore } from './judge/metastore.ts';
import { judgeBucket, judgeStore, judgeStoreError, type Root } from './judge/store.ts';
import { kafkaChecks } from './kafka-checks.ts';
import { lookAtDatabase } from './probe/database.ts';
import { lookAtFolder, neededNode, ownVersion } from './probe/machine.ts';
import { lookAtDatasets, lookAtMetastore } from './probe/metastore.ts';
import type { Check } from './run-checks.ts';

/** Time limits, ms. A probe of a slow store is a hundred requests. */
const quickMs = 15_000;
const askMs = 20_000;
const storeMs = 30_000;
/** Each other clock is asked for so long, ms: those that do not answer are told by their own checks. */
const clockMs = 10_000;

type Store = { name: string; setting: 'MILLRACE_RAW_URL' | 'MILLRACE_TABLES_URL'; url: string; writes: boolean };

/** Everything there is to look at under these settings, in the order it is shown. */
export function doctorChecks(context: Context): Check[] {
  const { settings, roles } = context;
  const stores = storesOf(context);
  const workers = roles.some((role) => role !== 'metastore');
  return [
    settingsCheck(context),
    machineCheck('node', async (report) => report(judgeNode(context.machine.nodeVersion, neededNode()))),
    machineCheck('memory', async (report) => {
      const { memoryLimitBytes, totalBytes, processors } = context.machine;
      const threads = settings.MILLRACE_WORKER_THREADS ?? Math.max(1, processors - 1);
      for (const finding of judgeMemory({ limitBytes: memoryLimitBytes, totalBytes, threads }, settings, roles)) report(finding);
    }),
    ...(workers ? [diskCheck(context, stores)] : []),
    ...(workers || settings.DATABASE_URL !== undefined ? [clockCheck(context, stores)] : []),
    ...kafkaChecks(context),
    ...stores.map((store) => storeCheck(context, store)),
    ...bucketChecks(context, stores),
    ...(settings.DATABASE_URL === undefined ? [] : [databaseCheck(settings.DATABASE_URL)]),
    ...(workers ? [metastoreCheck(settings.MILLRACE_METASTORE_URL), datasetsCheck(settings.MILLRACE_METASTORE_URL)] : []),
  ];
}

function storesOf({ settings, roles }: Context): Store[] {
  const { MILLRACE_RAW_URL: raw, MILLRACE_TABLES_URL: tables } = settings;
  return [
    ...(raw === undefined ? [] : [{ name: 'raw store', setting: 'MILLRACE_RAW_URL', url: raw, writes: roles.includes('phase1') } as const]),
    ...(tables === undefined || !roles.includes('phase2')
      ? []
      : [{ name: 'table store', setting: 'MILLRACE_TABLES_URL', url: tables, writes: true } as const]),
  ];
}

const machineCheck = (name: string, run: Check['run']): Check => ({
  name,
  limitMs: quickMs,
  late: 'this machine is overloaded: look at its load',
  run,
});

/** The settings by themselves, and the two roots as they really lie (exact rule R2). */
const settingsCheck = ({ findings, settings }: Context): Check =>
  machineCheck('settings', async (report) => {
    for (const finding of findings) report(finding);
    const { MILLRACE_RAW_URL: raw, MILLRACE_TABLES_URL: tables } = settings;
    if (raw === undefined) return;
    try {
      requireUsableRoots(raw, tables);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      report(judgeStoreError(error, { url: raw, setting: 'MILLRACE_RAW_URL', writes: true }));
    }
  });

/** The state folder, and the stores that are folders of this machine. */
function diskCheck({ settings }: Context, stores: readonly Store[]): Check {
  return machineCheck('disk', async (report) => {
    report(judgeFolder(await lookAtFolder(settings.MILLRACE_STATE_DIR), 'MILLRACE_STATE_DIR', 'the last good configuration', stateSpace));
    for (const { url, setting, name } of stores)
      if (url.startsWith('file:')) report(judgeFolder(await lookAtFolder(fileURLToPath(url)), setting, `the ${name}`, storeSpace));
  });
}

/** Our clock against those of store, database and metastore. */
function clockCheck({ settings, s3 }: Context, stores: readonly Store[]): Check {
  return {
    name: 'clock',
    optional: true,
    limitMs: askMs,
    late: 'look at store, database and metastore: none of them answers',
    async run(report) {
      const signal = AbortSignal.timeout(clockMs);
      const bucket = stores.find(({ url }) => url.startsWith('s3:'));
      const { DATABASE_URL: database, MILLRACE_METASTORE_URL: metastore } = settings;
      const asked: [string, Promise<number | null>][] = [
        ...(bucket === undefined
          ? []
          : ([['the object store', bucketClockAheadMs(bucket.url, s3, signal)]] as [string, Promise<number | null>][])),
        ...(database === undefined
          ? []
          : ([['the database', lookAtDatabase(database).then(({ clockAheadMs }) => clockAheadMs)]] as [string, Promise<number | null>][])),
        ['the metastore', lookAtMetastore(metastore, signal).then(({ clockAheadMs }) => clockAheadMs)],
      ];
      const readings = await Promise.all(
        asked.map(async ([name, answer]): Promise<ClockReading[]> => {
          const aheadMs = await answer.catch(() => null);
          return aheadMs === null ? [] : [{ name, aheadMs }];
        }),
      );
      for (const finding of judgeClocks(readings.flat())) report(finding);
    },
  };
}

/** A store as the services try it at their start. */
function storeCheck({ s3 }: Context, { name, url, setting, writes }: Store): Check {
  return {
    name,
    limitMs: storeMs,
    late: `look at the store and the way to it: it takes connections of AWS_ENDPOINT_URL_S3 and does not answer; ${setting} says which`,
    async run(report, signal) {
      const store = openObjectStore(url, s3);
      try {
        if (!writes) {
          await store.list('', { limit: 1, signal });
          return report(judgeStore({ url, setting, wrote: null }));
        }
        const { mayDelete, leftBehind } = await probeStore(store, { clock: systemClock, random: systemRandom, signal });
        report(judgeStore({ url, setting, wrote: { deletes: mayDelete, leftBehind } }));
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        report(judgeStoreError(error, { url, setting, writes }));
      } finally {
        await store.close();
      }
    },
  };
}

/** Lifecycle and versioning, once a bucket. */
function bucketChecks({ s3 }: Context, stores: readonly Store[]): Check[] {
  const buckets = new Map<string, { url: string; roots: Root[] }>();
  for (const { url, setting } of stores) {
    if (!url.startsWith('s3:')) continue;
    const { host, pathname } = new URL(url);
    const known = buckets.get(host) ?? { url, roots: [] };
    buckets.set(host, { url, roots: [...known.roots, { setting, prefix: decodeURIComponent(pathname).replace(/^\/+|\/+$/g, '') }] });
  }
  return [...buckets].map(([bucket, { url, roots }]) => ({
    name: 'bucket rules',
    optional: true,
    limitMs: askMs,
    late: 'look at the store: it does not tell its rules in time',
    async run(report, signal) {
      try {
        for (const finding of judgeBucket(bucket, await lookAtBucket(url, s3, signal), roots)) report(finding);
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        report(unknown(`not looked at: ${describeError(error)}`));
      }
    },
  }));
}

const databaseCheck = (url: string): Check => ({
  name: 'database',
  limitMs: askMs,
  late: 'look at PostgreSQL: it takes connections and does not answer',
  async run(report) {
    for (const finding of judgeDatabase((await lookAtDatabase(url)).facts)) report(finding);
  },
});

const metastoreCheck = (url: string): Check => ({
  name: 'metastore',
  limitMs: askMs,
  late: 'look at the metastore: it takes connections and does not answer; restart it',
  async run(report, signal) {
    for (const finding of judgeMetastore((await lookAtMetastore(url, signal)).facts, ownVersion)) report(finding);
  },
});

const datasetsCheck = (url: string): Check => ({
  name: 'datasets',
  limitMs: storeMs,
  late: 'look at the metastore and its database: they answer too slowly',
  async run(report, signal) {
    try {
      for (const finding of judgeDatasets(await lookAtDatasets(url, signal))) report(finding);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      report(
        error.kind === 'unavailable'
          ? unknown('not looked at: the metastore does not answer (see "metastore")')
          : failure(describeError(error), `correct MILLRACE_METASTORE_URL (${url})`),
      );
    }
  },
});
