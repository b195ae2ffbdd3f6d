import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const main = join(import.meta.dirname, '../../services/metastore/src/main.ts');
/** A busy machine with two cores is slow to start a process. */
const startsWithinMs = 30_000;

/** A metastore as a process of its own, through the same main.ts as in production. */
export interface MetastoreProcess {
  /** Where its API and its admin port listen; known once it said so. */
  readonly url: string;
  readonly adminUrl: string;
  readonly pid: number;
  /** Everything it wrote, standard error included. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** Its exit code, null when a signal ended it. */
  ended(): Promise<number | null>;
  /** SIGTERM, and its exit code. */
  stop(): Promise<number | null>;
  kill(): Promise<void>;
}

/** Starts a process with nothing in its environment but what it needs; the caller ends it. */
export function spawnMetastore(env: Readonly<Record<string, string>>): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: '0', MILLRACE_ADMIN_PORT: '0', LOG_LEVEL: 'debug', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  return { child, output: () => text };
}

/**
 * Starts a metastore and waits until it listens; its database may be away.
 * @throws when it ends first, with what it wrote
 */
export async function startMetastore(env: Readonly<Record<string, string>>): Promise<MetastoreProcess> {
  const { child, output } = spawnMetastore(env);
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const address = (message: string) => new RegExp(`"url":"([^"]+)"[^\\n]*"msg":"${message}"`).exec(output())?.[1];
  const deadline = Date.now() + startsWithinMs;
  while (address('the API is served') === undefined || address('health and metrics are served') === undefined) {
    if (child.exitCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`the metastore did not start:\n${output()}`);
    }
    await sleep(20);
  }
  return {
    url: address('the API is served') ?? '',
    adminUrl: address('health and metrics are served') ?? '',
    pid: child.pid ?? 0,
    output,
    signal: (name) => void child.kill(name),
    ended: () => exit,
    stop: () => {
      child.kill('SIGTERM');
      return exit;
    },
    async kill() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    },
  };
}

/** Waits until a condition holds. @throws after `withinMs`, naming what was awaited */
export async function eventually(what: string, condition: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(50);
  }
}
