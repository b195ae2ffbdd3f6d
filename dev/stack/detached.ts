import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ownerOf } from '../setup/lock.mjs';
import { RUN_LOCK } from '../setup/paths.mjs';
import { isAlive, pidOf } from '../setup/process-id.mjs';

const LOOK_INTERVAL_MS = 100;
/** Each part has its own, shorter time to get ready. */
const READY_WITHIN_MS = 300_000;
const STOP_WITHIN_MS = 60_000;

/**
 * Runs a script in a session of its own and returns once it has written `<dir>/env`; what it says is in `<dir>/stack.log`.
 * @returns the lines of that file
 * @throws Error with the script's last words when it ends before, or is not ready within 5 minutes
 */
export async function startDetached(script: string, args: readonly string[], dir: string): Promise<string> {
  mkdirSync(dir, { recursive: true });
  const ready = join(dir, 'env');
  const logFile = join(dir, 'stack.log');
  if (isRunning(dir)) throw new Error(`the stack in ${dir} runs already; end it by npm run stack -- --stop`);
  rmSync(ready, { force: true });
  const log = openSync(logFile, 'a');
  const start = statSync(logFile).size;
  const child = spawn(process.execPath, [script, ...args], { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  let ended = false;
  for (const event of ['exit', 'error']) child.on(event, () => (ended = true));
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!existsSync(ready)) {
    if (ended || Date.now() > deadline) {
      if (!ended) child.kill('SIGTERM');
      throw new Error(`the stack did not start:\n${readFileSync(logFile).subarray(start).toString()}`);
    }
    await sleep(LOOK_INTERVAL_MS);
  }
  child.unref();
  return readFileSync(ready, 'utf8');
}

/** Asks what runs in `dir` to end and waits until it has. @returns false when nothing ran */
export async function stopDetached(dir: string): Promise<boolean> {
  const owner = ownerOf(join(dir, RUN_LOCK));
  if (owner === undefined || !isAlive(owner.name)) return false;
  process.kill(pidOf(owner.name), 'SIGTERM');
  const deadline = Date.now() + STOP_WITHIN_MS;
  while (isAlive(owner.name)) {
    if (Date.now() > deadline) throw new Error(`process ${pidOf(owner.name)} has not ended within ${STOP_WITHIN_MS / 1000} s`);
    await sleep(LOOK_INTERVAL_MS);
  }
  return true;
}

function isRunning(dir: string): boolean {
  const owner = ownerOf(join(dir, RUN_LOCK));
  return owner !== undefined && isAlive(owner.name);
}
