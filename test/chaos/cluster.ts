import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Kafka, startKafka } from '../../dev/stack/kafka.ts';
import { type Postgres, startPostgres } from '../../dev/stack/postgres.ts';
import { type S3, startS3 } from '../../dev/stack/s3.ts';
import { warmUp } from '../../dev/test/warm-up.ts';
import { type HttpFaultProxy, startHttpProxy } from '../faults/proxy/http-proxy.ts';
import { type Service, type Services, startServices } from '../support/services.ts';
import { clockEnv, WorkerClock } from './faults/clock.ts';

/** Kafka's group throws a worker out after this silence, ms. */
export const SESSION_TIMEOUT_MS = 6_000;
const PHASE1_WORKERS = 3;
const PHASE2_WORKERS = 2;
const BUCKET = 'chaos';

export interface ClusterOptions {
  /** for all data and logs; open to every user, since PostgreSQL runs as another */
  readonly dir: string;
  readonly seed: number;
  readonly store: 's3' | 'files';
}

/** The whole system on real parts, each worker behind a fault proxy and with a clock of its own. */
export interface Cluster {
  readonly dir: string;
  readonly kafka: Kafka;
  readonly postgres: Postgres;
  readonly s3: S3;
  readonly services: Services;
  /** all workers that were ever started, with the guests that join and leave */
  readonly phase1: Service[];
  readonly phase2: Service[];
  readonly rawUrl: string;
  readonly tablesUrl: string;
  /** the same as directories */
  readonly rawDir: string;
  readonly tablesDir: string;
  /** what a program needs to read the store past the proxies */
  readonly storeEnv: Readonly<Record<string, string>>;
  /** between a worker and the store; undefined where the store is files */
  proxy(worker: string): HttpFaultProxy | undefined;
  /** undefined where the clock cannot be shifted on this machine */
  clock(worker: string): WorkerClock | undefined;
  stop(): Promise<void>;
}

/** Starts three brokers, PostgreSQL, the S3 server, the metastore, three workers of phase 1 and two of phase 2. */
export async function startCluster({ dir, seed, store }: ClusterOptions): Promise<Cluster> {
  const [kafka, postgres, s3] = await Promise.all([
    startKafka({ dir: join(dir, 'kafka'), brokers: 3 }),
    startPostgres({ dir: join(dir, 'postgres') }),
    startS3({ dir: join(dir, 's3') }),
  ]);
  const proxies = new Map<string, HttpFaultProxy>();
  const stopParts = async () => {
    await Promise.all([...proxies.values()].map((proxy) => proxy.close()));
    await Promise.all([kafka.stop(), postgres.stop(), s3.stop()]);
  };
  try {
    await warmUp(kafka.brokers);
    s3.createBucket(BUCKET);
    const lake = join(dir, 'lake');
    const onFiles = store === 'files';
    const root = onFiles ? pathToFileURL(lake).href : `s3://${BUCKET}`;
    const rootDir = onFiles ? lake : join(s3.files, BUCKET);
    const storeEnv = {
      AWS_ENDPOINT_URL_S3: s3.url,
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
      AWS_REGION: s3.region,
      MILLRACE_S3_FORCE_PATH_STYLE: 'true',
    };
    const clocks = new Map<string, WorkerClock>();
    const names = [...workerNames('phase1', PHASE1_WORKERS + 1), ...workerNames('phase2', PHASE2_WORKERS + 1)];
    for (const [index, name] of names.entries()) {
      if (!onFiles) proxies.set(name, await startHttpProxy({ target: s3.url, seed: seed + index }));
      const clock = WorkerClock.open(join(dir, `${name}.clock`));
      if (clock !== undefined) clocks.set(name, clock);
    }
    const services = await startServices({
      dir: join(dir, 'services'),
      brokers: kafka.brokers,
      databaseUrl: await postgres.createDatabase('chaos'),
      rawUrl: `${root}/raw`,
      tablesUrl: `${root}/tables`,
      phase1: PHASE1_WORKERS,
      phase2: PHASE2_WORKERS,
      env: { ...storeEnv, MILLRACE_SESSION_TIMEOUT_MS: String(SESSION_TIMEOUT_MS) },
      envOf: (name) => {
        const proxy = proxies.get(name);
        return { ...(proxy && { AWS_ENDPOINT_URL_S3: proxy.url }), ...clockEnv(clocks.get(name)) };
      },
    });
    return {
      dir,
      kafka,
      postgres,
      s3,
      services,
      phase1: [...services.phase1],
      phase2: [...services.phase2],
      rawUrl: `${root}/raw`,
      tablesUrl: `${root}/tables`,
      rawDir: join(rootDir, 'raw'),
      tablesDir: join(rootDir, 'tables'),
      storeEnv,
      proxy: (worker) => proxies.get(worker),
      clock: (worker) => clocks.get(worker),
      stop: async () => {
        await services.stop();
        await stopParts();
      },
    };
  } catch (error) {
    await stopParts();
    throw error;
  }
}

/** Names that `startServices` and its `add` give to workers, the guest included. */
const workerNames = (phase: string, count: number) => Array.from({ length: count }, (_, index) => `${phase}-${index + 1}`);
