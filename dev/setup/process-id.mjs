import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

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

/** The children of a process, their children and so on, in no order. A child that made itself a session counts too. */
export function descendants(pid) {
  const childrenOf = new Map();
  for (const [child, parent] of parents()) childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), child]);
  const found = [];
  for (let next = childrenOf.get(pid) ?? []; next.length > 0; next = next.flatMap((each) => childrenOf.get(each) ?? []))
    found.push(...next);
  return found;
}

/** @returns {[pid: number, parent: number][]} */
function parents() {
  if (process.platform !== 'linux') {
    const lines = execFileSync('ps', ['-axo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
    return lines.map((line) => line.trim().split(/\s+/).map(Number));
  }
  return readdirSync('/proc').flatMap((name) => {
    try {
      const stat = /^\d+$/.test(name) && readFileSync(`/proc/${name}/stat`, 'utf8');
      return stat ? [[Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])]] : [];
    } catch {
      return [];
    }
  });
}
