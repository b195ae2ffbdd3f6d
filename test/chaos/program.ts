import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { identity } from '../../dev/setup/process-id.mjs';
import { forget, watch } from '../../dev/stack/watchdog.ts';

const checkerDir = fileURLToPath(new URL('../checker/', import.meta.url));
/** A program that was asked to end and does not is killed after this time, ms. */
const INSIST_AFTER_MS = 60_000;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** the last line of stdout: by agreement one JSON object; undefined when there is none */
  readonly summary: unknown;
}

/** One program of `test/checker`, running. Ends with this process at the latest. */
export interface Program {
  readonly name: string;
  readonly pid: number | undefined;
  readonly logFile: string;
  readonly ended: Promise<Ended>;
  readonly running: boolean;
  /** SIGTERM, and SIGKILL after a minute. */
  stop(): Promise<Ended>;
  kill(): Promise<Ended>;
}

export interface ProgramSpec {
  readonly python: string;
  /** file in test/checker */
  readonly script: string;
  readonly args: readonly string[];
  readonly name: string;
  /** stderr goes there */
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
}

export function startProgram({ python, script, args, name, logFile, env }: ProgramSpec): Program {
  const log = openSync(logFile, 'a');
  const child: ChildProcess = spawn(python, [`${checkerDir}${script}`, ...args], {
    env: { ...process.env, ...env, PYTHONDONTWRITEBYTECODE: '1' },
    detached: true,
    stdio: ['ignore', 'pipe', log],
  });
  closeSync(log);
  const id = child.pid === undefined ? undefined : identity(child.pid);
  if (id) watch(id, 'SIGKILL');
  let tail = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    // only the last line counts
    tail = (tail + chunk.toString()).trimStart();
    const at = tail.trimEnd().lastIndexOf('\n');
    if (at >= 0) tail = tail.slice(at + 1);
  });
  let running = true;
  const ended = new Promise<Ended>((resolve) => {
    const finish = (code: number | null, signal: NodeJS.Signals | null) => {
      running = false;
      if (id) forget(id);
      resolve({ code, signal, summary: parsed(tail) });
    };
    child.once('close', finish);
    child.once('error', (error) => {
      appendFileSync(logFile, `${error.message}\n`);
      finish(null, null);
    });
  });
  return {
    name,
    get pid() {
      return running ? child.pid : undefined;
    },
    logFile,
    ended,
    get running() {
      return running;
    },
    stop: () => {
      child.kill('SIGTERM');
      const insist = setTimeout(() => child.kill('SIGKILL'), INSIST_AFTER_MS);
      return ended.finally(() => clearTimeout(insist));
    },
    kill: () => {
      child.kill('SIGKILL');
      return ended;
    },
  };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
