import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { settingShapes } from '@millrace/core/domain/settings.ts';
import { createPart, type Part } from '../../dev/stack/part.ts';
import { freePort } from '../../dev/stack/ports.ts';
import { freshDatabase, freshDirectory, kafkaBrokers, uniqueName } from './stack.ts';

/** The three services as real processes through their `main.ts`, on free ports, on the parts that the test run started. */

const root = fileURLToPath(new URL('../../', import.meta.url));
const POLL_INTERVAL_MS = 250;
const LOG_TAIL_CHARS = 3000;

/** One service process. `kill` is SIGKILL, `pause` and `resume` are SIGSTOP and SIGCONT; started again it gets the same ports and state. */
export type Service = Part & { readonly adminUrl: string };

export interface ServicesOptions {
  readonly rawUrl: string;
  readonly tablesUrl: string;
  /** more settings for every service, e.g. the S3 server's variables */
  readonly env?: Readonly<Record<string, string>>;
  /** number of workers of each phase; 1 by default */
  readonly phase1?: number;
  readonly phase2?: number;
  /** logs and state; a fresh directory by default */
  readonly dir?: string;
  /** by default the Kafka of the test run */
  readonly brokers?: string;
  /** by default a fresh database of the test run */
  readonly databaseUrl?: string;
  /** settings of one service alone, by its name (`phase1-1`, `metastore`); they win over the others */
  readonly envOf?: (name: string) => Readonly<Record<string, string>>;
}

/** Workspaces of the workers. */
const workspaces = { phase1: 'phase1-dumper', phase2: 'phase2-transformer' } as const;
export type Phase = keyof typeof workspaces;

export interface Services {
  readonly dir: string;
  readonly metastoreUrl: string;
  readonly metastore: Service;
  readonly phase1: readonly Service[];
  readonly phase2: readonly Service[];
  /** the environment that `npx millrace` needs */
  readonly env: Readonly<Record<string, string>>;
  /** One more worker of a phase, not started yet; `stop` ends it too. */
  add(phase: Phase): Promise<Service>;
  /** Asks all that run to end in good order: workers first. */
  stop(): Promise<void>;
}

/** Fresher than production, so that tests do not wait; a test's own settings win. */
const lively = {
  MILLRACE_SEAL_INTERVAL_MS: '500',
  MILLRACE_BATCH_INTERVAL_MS: '1000',
  MILLRACE_SESSION_TIMEOUT_MS: '6000',
  MILLRACE_ANNOUNCEMENTS_PARTITIONS: '4',
};

/** Settings of the system that a service needs, none of the test run's own. */
function systemEnv(): Record<string, string> {
  const ours = new Set(Object.keys(settingShapes));
  const entries = Object.entries(process.env).filter(
    ([name, value]) =>
      value !== undefined && !name.startsWith('MILLRACE_') && !name.startsWith('TEST_') && !ours.has(name) && !name.startsWith('VITEST'),
  );
  return { ...(Object.fromEntries(entries) as Record<string, string>), UV_THREADPOOL_SIZE: '16', NODE_ENV: 'production' };
}

/** Starts metastore, phase 1 and phase 2 on a fresh database and waits until each lives. */
export async function startServices(options: ServicesOptions): Promise<Services> {
  const dir = options.dir ?? freshDirectory('services');
  const port = await freePort();
  const metastoreUrl = `http://127.0.0.1:${port}`;
  const shared = {
    KAFKA_BROKERS: options.brokers ?? kafkaBrokers(),
    MILLRACE_RAW_URL: options.rawUrl,
    MILLRACE_TABLES_URL: options.tablesUrl,
    MILLRACE_METASTORE_URL: metastoreUrl,
    MILLRACE_GROUP_PREFIX: uniqueName('group'),
    ...options.env,
  };
  const databaseUrl = options.databaseUrl ?? (await freshDatabase());
  const env = { ...systemEnv(), ...lively, ...shared, DATABASE_URL: databaseUrl, PORT: String(port), LOG_LEVEL: 'info' };
  const make = (name: string, workspace: string) => service(name, workspace, dir, { ...env, ...options.envOf?.(name) });
  const many = (count: number, phase: Phase) =>
    Promise.all(Array.from({ length: count }, (_, index) => make(`${phase}-${index + 1}`, workspaces[phase])));
  const metastore = await make('metastore', 'metastore');
  const phase1 = await many(options.phase1 ?? 1, 'phase1');
  const phase2 = await many(options.phase2 ?? 1, 'phase2');
  const added: Record<Phase, Service[]> = { phase1: [], phase2: [] };
  const add = async (phase: Phase) => {
    const number = (phase === 'phase1' ? phase1 : phase2).length + added[phase].length + 1;
    const worker = await make(`${phase}-${number}`, workspaces[phase]);
    added[phase].push(worker);
    return worker;
  };
  const stop = async () => {
    const all = [...phase1, ...phase2, ...added.phase1, ...added.phase2];
    const workers = await Promise.allSettled(all.map((worker) => worker.stop()));
    await metastore.stop();
    for (const ending of workers) if (ending.status === 'rejected') throw ending.reason;
  };
  try {
    await metastore.start();
    await Promise.all([...phase1, ...phase2].map((worker) => worker.start()));
  } catch (error) {
    await Promise.all([metastore, ...phase1, ...phase2].map((part) => part.kill()));
    throw error;
  }
  return { dir, metastoreUrl, metastore, phase1, phase2, env: shared, add, stop };
}

async function service(name: string, workspace: string, dir: string, env: Readonly<Record<string, string>>): Promise<Service> {
  const adminPort = await freePort();
  const adminUrl = `http://127.0.0.1:${adminPort}`;
  const state = join(dir, `${name}-state`);
  mkdirSync(state, { recursive: true });
  const part = createPart({
    name,
    dir,
    command: process.execPath,
    args: [join(root, 'services', workspace, 'src', 'main.ts')],
    env: { ...env, MILLRACE_ADMIN_PORT: String(adminPort), MILLRACE_STATE_DIR: state },
    cwd: root,
    stopSignal: 'SIGTERM',
    isReady: () => answers(`${adminUrl}${workspace === 'metastore' ? '/readyz' : '/livez'}`),
  });
  return Object.create(part, { adminUrl: { value: adminUrl, enumerable: true } }) as Service;
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

/** Offsets as decimal strings, as the API gives them; all are next offsets. */
export type PartitionStatus = {
  topicId: string;
  partition: number;
  landed: string;
  committed: string;
  end: string | null;
  lagRecords: string | number | null;
};
export type DatasetStatus = { name: string; state: string; reason: string | null; partitions: PartitionStatus[] };

/** POST, PUT, GET or DELETE on the metastore's API; throws with the problem's text for any status but 2xx. */
export async function api<T>(metastoreUrl: string, method: string, path: string, body?: unknown): Promise<T> {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const response = await fetch(`${metastoreUrl}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

export const createDataset = (metastoreUrl: string, dataset: Readonly<Record<string, unknown>>): Promise<{ id: string; name: string }> =>
  api(metastoreUrl, 'POST', '/v1/datasets', { mode: 'append', ...dataset });

export const datasetStatus = (metastoreUrl: string, name: string): Promise<DatasetStatus> =>
  api(metastoreUrl, 'GET', `/v1/datasets/${name}/status`);

const bigintAsText = (_key: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value);

/** Asks again and again until `done` says yes; the error of a deadline tells the last answer. */
export async function waitFor<T>(what: string, ask: () => Promise<T>, done: (value: T) => boolean, withinMs: number): Promise<T> {
  const deadline = Date.now() + withinMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await ask();
      if (done(value)) return value;
      last = value;
    } catch (error) {
      if (error instanceof EndedError) throw error;
      last = error;
    }
    if (Date.now() > deadline)
      throw new Error(
        `${what}: not within ${withinMs / 1000} s; last seen ${last instanceof Error ? last.message : JSON.stringify(last, bigintAsText)}`,
      );
    await sleep(POLL_INTERVAL_MS);
  }
}

/** What Kafka holds of a topic: the next offset of each partition, by topic id. */
export type KafkaEnds = { topicId: string; ends: readonly bigint[] };

/** Where to ask. With the services themselves a worker that ends by itself ends the waiting too; kill tests give the address only. */
export type Asked = string | Services;

const urlOf = (asked: Asked) => (typeof asked === 'string' ? asked : asked.metastoreUrl);

/** @throws with the last lines of its log, when a service does not run any more */
function expectRunning(asked: Asked): void {
  if (typeof asked === 'string') return;
  const ended = [asked.metastore, ...asked.phase1, ...asked.phase2].find((each) => each.pid === undefined);
  if (ended !== undefined)
    throw new EndedError(`${ended.name} has ended; its log ends with\n${readFileSync(ended.logFile, 'utf8').slice(-LOG_TAIL_CHARS)}`);
}

/** No use in waiting any longer. */
class EndedError extends Error {}

/** Waits until the landing of these partitions has reached Kafka's ends. */
export function waitUntilLanded(asked: Asked, dataset: string, kafka: KafkaEnds, withinMs: number): Promise<DatasetStatus> {
  return waitUntilReached(asked, dataset, kafka, 'landed', withinMs);
}

/** Waits until the table's position has reached Kafka's ends. */
export function waitUntilCommitted(asked: Asked, dataset: string, kafka: KafkaEnds, withinMs: number): Promise<DatasetStatus> {
  return waitUntilReached(asked, dataset, kafka, 'committed', withinMs);
}

function waitUntilReached(
  asked: Asked,
  dataset: string,
  kafka: KafkaEnds,
  member: 'landed' | 'committed',
  withinMs: number,
): Promise<DatasetStatus> {
  const reached = (status: DatasetStatus) =>
    kafka.ends.every((end, partition) => {
      const found = status.partitions.find((each) => each.topicId === kafka.topicId && each.partition === partition);
      return end === 0n || (found !== undefined && BigInt(found[member] ?? '-1') >= end);
    });
  const ask = () => {
    expectRunning(asked);
    return datasetStatus(urlOf(asked), dataset);
  };
  return waitFor(`${dataset} ${member} up to ${kafka.ends.join(', ')}`, ask, reached, withinMs);
}
