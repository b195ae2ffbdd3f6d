import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { descendants, identity } from '../../dev/setup/process-id.mjs';
import { watch } from '../../dev/stack/watchdog.ts';

const LOOK_INTERVAL_MS = 100;
/** How long what a page started may take to end when it is asked to. */
const END_WITHIN_MS = 20_000;

/** How commands ended: their exit code, or `late` when they were still running at their deadline. */
export type Ending = { readonly code: number | 'late'; readonly output: string };

/** One shell in which the blocks of a page run one after the other, as in a reader's terminal. A command that fails ends it. */
export class PageShell {
  readonly #dir: string;
  readonly #shell: ChildProcess;
  #ended = false;
  #code = 0;
  #steps = 0;
  readonly #watched = new Set<number>();

  /** @param dir for the scripts and what they print */
  constructor(options: { cwd: string; dir: string; env: NodeJS.ProcessEnv }) {
    this.#dir = options.dir;
    mkdirSync(this.#dir, { recursive: true });
    const log = openSync(join(this.#dir, 'shell.log'), 'a');
    // a session of its own: whatever the page leaves behind is ended with its group
    this.#shell = spawn('bash', ['--noprofile', '--norc'], {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ['pipe', log, log],
    });
    this.#shell.on('exit', (code) => {
      this.#ended = true;
      this.#code = code ?? 1;
    });
    this.#shell.stdin?.on('error', () => undefined);
    this.#shell.stdin?.write('set -e\n');
  }

  /** Runs commands to their end, or until the deadline. */
  async run(script: string, withinMs: number): Promise<Ending> {
    const base = join(this.#dir, `step-${++this.#steps}`);
    writeFileSync(`${base}.sh`, script);
    writeFileSync(`${base}.out`, '');
    this.#shell.stdin?.write(`. '${base}.sh' > '${base}.out' 2>&1 < /dev/null\necho done > '${base}.done'\n`);
    const deadline = Date.now() + withinMs;
    const output = () => readFileSync(`${base}.out`, 'utf8');
    while (!existsSync(`${base}.done`)) {
      this.#watchAll();
      if (this.#ended) return { code: this.#code === 0 ? 1 : this.#code, output: output() };
      if (Date.now() > deadline) return { code: 'late', output: output() };
      await sleep(LOOK_INTERVAL_MS);
    }
    return { code: 0, output: output() };
  }

  /** A test run that is broken off, even by SIGKILL, leaves nothing behind. */
  #watchAll(): void {
    const { pid } = this.#shell;
    for (const each of pid === undefined ? [] : [pid, ...descendants(pid)]) {
      const name = this.#watched.has(each) ? undefined : identity(each);
      this.#watched.add(each);
      if (name !== undefined) watch(name, 'SIGTERM');
    }
  }

  /** Ends the shell and all that it has started and that is still there. */
  async end(): Promise<void> {
    const { pid } = this.#shell;
    if (pid === undefined) return;
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (!signalGroup(pid, signal)) return;
      const deadline = Date.now() + END_WITHIN_MS;
      while (signalGroup(pid, 0) && Date.now() < deadline) await sleep(LOOK_INTERVAL_MS);
    }
  }
}

/** @returns false when nobody is left in the group */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}
