import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * Names a process so that a reused pid is not taken for it: pid and start time, for example `4711@118821`.
 * @returns {string | undefined} undefined when no such process lives (a zombie does not live)
 */
export function identity(pid) {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The command name stands in parentheses and may hold blanks, so fields are counted from its end.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' || fields[0] === 'X' ? undefined : `${pid}@${fields[19]}`;
    } catch {
      return undefined;
    }
  }
  try {
    const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return `${pid}@${started.trim()}`;
  } catch {
    return undefined;
  }
}

/** Does the process named by {@link identity} still live? */
export function isAlive(name) {
  return name !== undefined && identity(pidOf(name)) === name;
}

export const pidOf = (name) => Number.parseInt(name, 10);
