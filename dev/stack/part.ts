import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { descendants, identity, isAlive, pidOf } from '../setup/process-id.mjs';
import { forget, watch } from './watchdog.ts';

const LOOK_INTERVAL_MS = 25;
const LOG_TAIL_CHARS = 3000;
/** The parts are bound by CPU at their start; a busy machine with two cores is slow. */
const READY_WITHIN_MS = 90_000;
const STOP_WITHIN_MS = 15_000;

export interface PartSpec {
  readonly name: string;
  /** Holds the part's log and the note that names its process. */
  readonly dir: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Another user to run as, both or none. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** The signal that asks for an orderly end. */
  readonly stopSignal: NodeJS.Signals;
  /** @param log what this start has written so far */
  readonly isReady: (log: string) => boolean | Promise<boolean>;
}

/**
 * One process of the stack: started detached, so that Ctrl-C reaches only us and we decide the order of ending, and
 * watched, so that it does not outlive us.
 */
export interface Part {
  readonly name: string;
  readonly pid: number | undefined;
  readonly logFile: string;
  /** Of the process that ended last: null when a signal ended it; undefined before one did. */
  readonly exitCode: number | null | undefined;
  /** Starts it and waits until it answers. @throws when it ends first or does not get ready in time */
  start(): Promise<void>;
  /** Asks it to end, waits, and insists after 15 s. Does nothing when it is not running. */
  stop(): Promise<void>;
  /** SIGKILL for it and all its children, and waits until it is gone. */
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT, for it and all its children. */
  pause(): void;
  resume(): void;
}

export function createPart(spec: PartSpec): Part {
  const logFile = join(spec.dir, `${spec.name}.log`);
  const note = join(spec.dir, `${spec.name}.process.json`);
  let child: ChildProcess | undefined;
  let ended: Promise<void> = Promise.resolve();
  let exitCode: number | null | undefined;

  async function start(): Promise<void> {
    if (child) throw new Error(`${spec.name} is running already (process ${child.pid})`);
    mkdirSync(spec.dir, { recursive: true });
    await endLeftover(spec.name, note);
    const log = openSync(logFile, 'a');
    const logStart = statSync(logFile).size;
    const started = spawn(spec.command, spec.args, {
      cwd: spec.cwd,
      env: spec.env ?? process.env,
      detached: true,
      stdio: ['ignore', log, log],
      ...spec.user,
    });
    closeSync(log);
    started.unref();
    child = started;
    const name = started.pid === undefined ? undefined : identity(started.pid);
    if (name) {
      watch(name, spec.stopSignal);
      writeFileSync(note, JSON.stringify({ name, owner: identity(process.pid) }));
    }
    let failure: Error | undefined;
    ended = new Promise((resolve) => {
      const finish = () => {
        if (name) forget(name);
        rmSync(note, { force: true });
        if (child === started) child = undefined;
        resolve();
      };
      started.once('exit', (code) => {
        exitCode = code;
        finish();
      });
      started.once('error', (error) => {
        failure = error;
        finish();
      });
    });

    const written = () => readFileSync(logFile).subarray(logStart).toString();
    const deadline = Date.now() + READY_WITHIN_MS;
    for (;;) {
      if (child === started && (await spec.isReady(written()))) return;
      const lost = child !== started;
      if (lost || Date.now() > deadline) {
        await kill();
        const why = failure?.message ?? (lost ? 'it ended' : `not ready after ${READY_WITHIN_MS / 1000} s`);
        throw new Error(`${spec.name} did not start: ${why}; its log ${logFile} ends with\n${written().slice(-LOG_TAIL_CHARS)}`);
      }
      await sleep(LOOK_INTERVAL_MS);
    }
  }

  async function stop(): Promise<void> {
    const current = child;
    if (!current) return;
    current.kill(spec.stopSignal);
    signalAll('SIGCONT');
    const insist = setTimeout(() => signalAll('SIGKILL'), STOP_WITHIN_MS);
    await gone(current);
    clearTimeout(insist);
  }

  async function kill(): Promise<void> {
    const current = child;
    signalAll('SIGKILL');
    await gone(current);
  }

  /** A running part keeps nobody alive; one whose end is waited for does, or the waiting process would end in the middle of it. */
  async function gone(process: ChildProcess | undefined): Promise<void> {
    process?.ref();
    await ended;
  }

  /** PostgreSQL's sessions are processes of their own; one that is stopped would not even notice that its parent died. */
  function signalAll(signal: NodeJS.Signals): void {
    if (child?.pid === undefined) return;
    const others = descendants(child.pid);
    child.kill(signal);
    for (const pid of others) {
      try {
        process.kill(pid, signal);
      } catch {
        // It went with its parent.
      }
    }
  }

  return {
    name: spec.name,
    get pid() {
      return child?.pid;
    },
    logFile,
    get exitCode() {
      return exitCode;
    },
    start,
    stop,
    kill,
    pause: () => signalAll('SIGSTOP'),
    resume: () => signalAll('SIGCONT'),
  };
}

/** A process of an earlier run that nobody could end any more, after a power cut of its watchdog for example. */
async function endLeftover(name: string, note: string): Promise<void> {
  const left = readNote(note);
  if (!left || !isAlive(left.name)) return;
  if (isAlive(left.owner) && pidOf(left.owner) !== process.pid) {
    throw new Error(`${name} in this directory is run by process ${pidOf(left.owner)}; end that first`);
  }
  process.kill(pidOf(left.name), 'SIGKILL');
  while (isAlive(left.name)) await sleep(LOOK_INTERVAL_MS);
}

function readNote(note: string): { name: string; owner: string } | undefined {
  try {
    return JSON.parse(readFileSync(note, 'utf8'));
  } catch {
    return undefined;
  }
}
