import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { settingShapes } from '@millrace/core/domain/settings.ts';
import { root } from '../setup/paths.mjs';
import { createPart, type Part } from '../stack/part.ts';
import { choosePort } from '../stack/ports.ts';

/** How often a look at the children is taken, and how often one of them may be started again in all. */
const LOOK_INTERVAL_MS = 500;
const RESTARTS_MAX = 3;
const LAST_LINES = 5;

/** What the three services run on. */
export type ServiceAddresses = { kafkaBrokers: string; databaseUrl: string; rawUrl: string; tablesUrl: string };

/** The three services as child processes, through the same `main.ts` as in production. */
export type Services = {
  metastoreUrl: string;
  metastore: Part;
  phase1: Part;
  phase2: Part;
  /** health and metrics of each, `http://127.0.0.1:<port>` */
  admin: { phase1: string; phase2: string };
  /** the environment that `npx millrace` needs */
  environment: Record<string, string>;
  start(): Promise<void>;
  /** From now on a child that ends is not started again. */
  expectEnd(): void;
};

/** Our settings and what the system needs, nothing that belongs to the set-up. Pure. */
export function serviceEnvironment(env: Readonly<NodeJS.ProcessEnv>): Record<string, string> {
  const ours = new Set(Object.keys(settingShapes));
  const entries = Object.entries(env).filter(([name, value]) => value !== undefined && (!name.startsWith('MILLRACE_') || ours.has(name)));
  return Object.fromEntries(entries) as Record<string, string>;
}

/**
 * Prepares the services on free ports; `start` brings them up in order.
 * @param say told of a child's death, with its last lines, and of its restart
 * @param fail told when a child died too often
 */
export async function prepareServices(
  addresses: ServiceAddresses,
  stateDir: string,
  say: (line: string) => void,
  fail: (reason: string) => void,
): Promise<Services> {
  const logs = join(stateDir, 'logs');
  const port = await choosePort(8080);
  const admin = { metastore: await choosePort(9100), phase1: await choosePort(9101), phase2: await choosePort(9102) };
  const metastoreUrl = `http://127.0.0.1:${port}`;
  const environment = {
    KAFKA_BROKERS: addresses.kafkaBrokers,
    MILLRACE_RAW_URL: addresses.rawUrl,
    MILLRACE_TABLES_URL: addresses.tablesUrl,
    MILLRACE_METASTORE_URL: metastoreUrl,
  };
  // a demo wants to be watched: fresher than the defaults, unless the environment says otherwise
  const lively = { MILLRACE_SEAL_INTERVAL_MS: '1000', MILLRACE_BATCH_INTERVAL_MS: '2000', UV_THREADPOOL_SIZE: '16' };
  const base = {
    ...lively,
    ...serviceEnvironment(process.env),
    ...environment,
    DATABASE_URL: addresses.databaseUrl,
    MILLRACE_STATE_DIR: join(stateDir, 'state'),
    PORT: String(port),
    NODE_ENV: 'production',
  };
  const service = (name: string, folder: string, adminPort: number): Part =>
    createPart({
      name,
      dir: logs,
      command: process.execPath,
      args: [join(root, 'services', folder, 'src', 'main.ts')],
      env: { ...base, MILLRACE_ADMIN_PORT: String(adminPort) },
      cwd: root,
      stopSignal: 'SIGTERM',
      isReady: () => isReady(`http://127.0.0.1:${adminPort}${name === 'metastore' ? '/readyz' : '/livez'}`),
    });
  const metastore = service('metastore', 'metastore', admin.metastore);
  const phase1 = service('phase1', 'phase1-dumper', admin.phase1);
  const phase2 = service('phase2', 'phase2-transformer', admin.phase2);
  let watching: NodeJS.Timeout | undefined;
  return {
    metastoreUrl,
    metastore,
    phase1,
    phase2,
    admin: { phase1: `http://127.0.0.1:${admin.phase1}`, phase2: `http://127.0.0.1:${admin.phase2}` },
    environment,
    async start() {
      await metastore.start();
      await Promise.all([phase1.start(), phase2.start()]);
      watching = keepAlive([metastore, phase1, phase2], say, fail);
    },
    expectEnd: () => clearInterval(watching),
  };
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false;
  }
}

/** Starts a child again when it ends by itself, a bounded number of times over all of them. */
function keepAlive(parts: readonly Part[], say: (line: string) => void, fail: (reason: string) => void): NodeJS.Timeout {
  let restarts = 0;
  const starting = new Set<Part>();
  return setInterval(() => {
    for (const part of parts) {
      if (part.pid !== undefined || starting.has(part)) continue;
      say(`${part.name} has ended by itself; its log ${part.logFile} ends with\n${lastLines(part.logFile)}`);
      if (++restarts > RESTARTS_MAX) {
        fail(`${part.name} ended; children were started again ${RESTARTS_MAX} times, that is enough`);
        return;
      }
      say(`starting ${part.name} again`);
      starting.add(part);
      part.start().then(
        () => starting.delete(part),
        (error: Error) => fail(error.message),
      );
    }
  }, LOOK_INTERVAL_MS);
}

function lastLines(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-LAST_LINES).join('\n');
}
