import { spawn } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { setupDir } from './paths.mjs';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const SAME_REQUEST_MS = 300;
const PARENT_LOOK_INTERVAL_MS = 500;

/** Threads for pending `consume()` calls of the Kafka client, each of which holds one; Node's own 4 stall the whole process. */
const THREADS = '16';

/**
 * Runs a script under the project's Node in this process group, with this process's input and output, and ends as it
 * ends: with its exit code or by its signal.
 *
 * Signals travel over a pipe, not as signals. When a terminal or `kill -- -GROUP` signals the whole group the script
 * has its signal already, and a second one would mean "at once" to it; `signals.mjs` in the script's process sees both
 * ways and counts a request once. The pipe also tells the script when this process is gone. The npm scripts say
 * `exec node …`, because npm signals the shell between us, which would die of it alone.
 * @param {{binary: string}} node @param {string} script absolute path @param {string[]} args
 * @param {{without?: string[]}} [options] environment variables that are the set-up's own business
 */
export function runUnder(node, script, args, { without = [] } = {}) {
  const env = { UV_THREADPOOL_SIZE: THREADS, ...process.env, MILLRACE_RELAY_FD: '3' };
  env.PATH = `${dirname(node.binary)}${delimiter}${process.env.PATH ?? ''}`;
  for (const key of without) delete env[key];
  const child = spawn(node.binary, ['--import', join(setupDir, 'signals.mjs'), script, ...args], {
    env,
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
  });
  const pipe = child.stdio[3];
  pipe.on('error', () => {
    // The script has ended; its exit is reported below.
  });
  const sentAt = new Map();
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      // npm hands on what it gets, so one Ctrl-C arrives here twice.
      const now = performance.now();
      if (now - (sentAt.get(signal) ?? Number.NEGATIVE_INFINITY) < SAME_REQUEST_MS) return;
      sentAt.set(signal, now);
      pipe.write(`${signal}\n`);
    });
  }
  if (process.env.npm_lifecycle_event) {
    // npm hands SIGTERM on, but it cannot hand on its own SIGKILL.
    const npm = process.ppid;
    const look = setInterval(() => {
      if (process.ppid === npm) return;
      clearInterval(look);
      pipe.write('SIGTERM\n');
    }, PARENT_LOOK_INTERVAL_MS);
  }
  child.on('error', (error) => {
    process.stderr.write(`setup: cannot start ${node.binary}: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (!signal) process.exit(code ?? 1);
    for (const each of SIGNALS) process.removeAllListeners(each);
    process.kill(process.pid, signal);
  });
}
