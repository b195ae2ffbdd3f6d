import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { settingShapes, unknownSettings } from '@millrace/core/domain/settings.ts';
import { root } from '../setup/paths.mjs';
import { createPart, type Part } from '../stack/part.ts';
import { choosePort } from '../stack/ports.ts';
import { startOnFreePorts, takenPort } from './taken-port.ts';

/** How often a look at the children is taken, and how often one of them may be started again in all. */
const LOOK_INTERVAL_MS = 500;
const RESTARTS_MAX = 3;
const LAST_LINES = 5;

/** What the three services run on. */
export type ServiceAddresses = { kafkaBrokers: string; databaseUrl: string; rawUrl: string; tablesUrl: string };

type ServiceName = 'metastore' | 'phase1' | 'phase2';

/** The three services as child processes, through the same `main.ts` as in production. */
export type Services = {
  /** as all that follow known for sure only once `start` has ended: a port may be taken in between */
  readonly metastoreUrl: string;
  metastore: Part;
  phase1: Part;
  phase2: Part;
  /** health and metrics of each, `http://127.0.0.1:<port>` */
  readonly admin: { phase1: string; phase2: string };
  /** the environment that `npx millrace` needs */
  readonly environment: Record<string, string>;
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

/** Keys the set-up hands to what it runs. */
const setUpKeys = new Set(['MILLRACE_RELAY_FD']);

/**
 * A mistyped key must not mean the default in silence: refused as the services refuse it. Pure.
 * @throws kind `invalid`, code `bad_settings`
 */
export function refuseUnknownSettings(env: Readonly<NodeJS.ProcessEnv>): void {
  const problems = unknownSettings(Object.fromEntries(Object.entries(env).filter(([name]) => !setUpKeys.has(name))));
  if (problems.length > 0) throw new MillraceError('invalid', 'bad_settings', problems.join('; '));
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
  const ports = {
    api: await choosePort(8080),
    metastore: await choosePort(9100),
    phase1: await choosePort(9101),
    phase2: await choosePort(9102),
  };
  const metastoreUrl = () => `http://127.0.0.1:${ports.api}`;
  const environment = () => ({
    KAFKA_BROKERS: addresses.kafkaBrokers,
    MILLRACE_RAW_URL: addresses.rawUrl,
    MILLRACE_TABLES_URL: addresses.tablesUrl,
    MILLRACE_METASTORE_URL: metastoreUrl(),
  });
  // a demo wants to be watched: fresher than the defaults, unless the environment says otherwise
  const lively = { MILLRACE_SEAL_INTERVAL_MS: '1000', MILLRACE_BATCH_INTERVAL_MS: '2000', UV_THREADPOOL_SIZE: '16' };
  const environmentOf = (name: ServiceName) => ({
    ...lively,
    ...serviceEnvironment(process.env),
    ...environment(),
    DATABASE_URL: addresses.databaseUrl,
    MILLRACE_STATE_DIR: join(stateDir, 'state'),
    PORT: String(ports.api),
    NODE_ENV: 'production',
    MILLRACE_ADMIN_PORT: String(ports[name]),
  });
  const service = (name: ServiceName, folder: string): Part =>
    createPart({
      name,
      dir: logs,
      command: process.execPath,
      args: [join(root, 'services', folder, 'src', 'main.ts')],
      get env() {
        return environmentOf(name); // read at each start, with the ports of then
      },
      cwd: root,
      stopSignal: 'SIGTERM',
      isReady: () => isReady(`http://127.0.0.1:${ports[name]}${name === 'metastore' ? '/readyz' : '/livez'}`),
    });
  const metastore = service('metastore', 'metastore');
  const phase1 = service('phase1', 'phase1-dumper');
  const phase2 = service('phase2', 'phase2-transformer');
  let othersKnowApi = false;
  const changePort = async (part: Part, taken: number): Promise<boolean> => {
    const which = taken === ports.api ? 'api' : (part.name as ServiceName);
    if (ports[which] !== taken || (which === 'api' && othersKnowApi)) return false;
    ports[which] = await choosePort(taken);
    say(`port ${taken} was taken meanwhile; ${part.name} gets ${ports[which]}`);
    return true;
  };
  const start = (part: Part) => startOnFreePorts(part, (taken) => changePort(part, taken));
  let watching: NodeJS.Timeout | undefined;
  return {
    get metastoreUrl() {
      return metastoreUrl();
    },
    metastore,
    phase1,
    phase2,
    get admin() {
      return { phase1: `http://127.0.0.1:${ports.phase1}`, phase2: `http://127.0.0.1:${ports.phase2}` };
    },
    get environment() {
      return environment();
    },
    async start() {
      await start(metastore);
      othersKnowApi = true;
      await Promise.all([start(phase1), start(phase2)]);
      const startAgain = async (part: Part, words: string) => {
        const taken = takenPort(words);
        if (taken !== undefined) await changePort(part, taken);
        await start(part);
      };
      watching = keepAlive([metastore, phase1, phase2], startAgain, say, fail);
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
function keepAlive(
  parts: readonly Part[],
  startAgain: (part: Part, lastWords: string) => Promise<void>,
  say: (line: string) => void,
  fail: (reason: string) => void,
): NodeJS.Timeout {
  let restarts = 0;
  const starting = new Set<Part>();
  return setInterval(() => {
    for (const part of parts) {
      if (part.pid !== undefined || starting.has(part)) continue;
      const lastWords = lastLines(part.logFile);
      say(`${part.name} has ended by itself; its log ${part.logFile} ends with\n${lastWords}`);
      if (++restarts > RESTARTS_MAX) {
        fail(`${part.name} ended; children were started again ${RESTARTS_MAX} times, that is enough`);
        return;
      }
      say(`starting ${part.name} again`);
      starting.add(part);
      startAgain(part, lastWords).then(
        () => starting.delete(part),
        (error: Error) => fail(error.message),
      );
    }
  }, LOOK_INTERVAL_MS);
}

function lastLines(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-LAST_LINES).join('\n');
}
