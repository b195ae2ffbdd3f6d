import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

let watchdog: ChildProcess | undefined;

/**
 * From now on the process is ended when this one is gone, even by SIGKILL. Costs one small process for all parts.
 * @param name as `identity()` of dev/setup/process-id.mjs gives it
 */
export function watch(name: string, signal: NodeJS.Signals): void {
  tell({ watch: name, signal });
}

/** The part ended, or may outlive this process. */
export function forget(name: string): void {
  tell({ forget: name });
}

function tell(message: object): void {
  if (!watchdog) {
    watchdog = spawn(process.execPath, [fileURLToPath(new URL('watchdog.mjs', import.meta.url))], {
      // A session of its own: a signal to our group must not end it before it has done its work.
      detached: true,
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    watchdog.unref();
    (watchdog.stdin as unknown as { unref(): void }).unref();
    watchdog.stdin?.on('error', () => {
      watchdog = undefined;
    });
  }
  watchdog.stdin?.write(`${JSON.stringify(message)}\n`);
}
