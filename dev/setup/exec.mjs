import { spawn } from 'node:child_process';
import { SetupError } from './say.mjs';

const TAIL_CHARS_MAX = 4000;
const running = new Set();

/** Ends every command that the set-up has under way; used when the set-up itself is asked to stop. */
export function endRunning(signal) {
  for (const child of running) child.kill(signal);
}

/**
 * Runs a command to its end without a shell and without standard input.
 * @param {string} command @param {string[]} args
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, advice?: string, timeoutMs?: number}} [options]
 * @returns {Promise<string>} its standard output
 * @throws {SetupError} when it cannot be started, exits non-zero or outlives `timeoutMs`
 */
export function run(command, args, options = {}) {
  const { cwd, env = cleanEnv(), advice = 'Look at the output above, then run the same command again.', timeoutMs } = options;
  const shown = [command, ...args].join(' ');
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    let output = '';
    let tail = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        tail = (tail + chunk).slice(-TAIL_CHARS_MAX);
      });
    }
    const timer = timeoutMs && setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const finish = (error) => {
      running.delete(child);
      clearTimeout(timer);
      if (error) reject(error);
      else resolve(output);
    };
    child.on('error', (cause) => finish(new SetupError(`cannot run ${command}: ${cause.message}`, advice)));
    child.on('close', (code, signal) =>
      finish(code === 0 ? undefined : new SetupError(`"${shown}" ended with ${signal ?? `exit code ${code}`}`, advice, tail)),
    );
  });
}

/**
 * The environment for nested tools. `npm start -w x` hands its own arguments down as `npm_*` variables; a nested npm
 * would obey them and install that one workspace only.
 */
export function cleanEnv(extra = {}) {
  const env = { ...process.env, ...extra };
  for (const key of Object.keys(env)) {
    if (
      /^(npm_(package|lifecycle)_|npm_(command|execpath|node_execpath)$|npm_config_(workspaces?|include_workspace_root|local_prefix|prefix|omit|include|dry_run|global|nodedir|ignore_scripts)$|INIT_CWD$)/.test(
        key,
      )
    ) {
      delete env[key];
    }
  }
  return env;
}
