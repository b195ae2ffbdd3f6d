import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ownerOf } from './lock.mjs';
import { DATA_ELSEWHERE } from './paths.mjs';
import { isAlive } from './process-id.mjs';

/** A run's lock and the note about data elsewhere lie at most so deep below the state directory. */
const DEPTH_MAX = 4;

/**
 * The living runs that have claimed a part of this directory.
 * @returns {{name: string, what: string}[]}
 */
export function livingRuns(directory) {
  return [...entriesBelow(directory, DEPTH_MAX)]
    .filter(({ name }) => isLock(name))
    .map(({ path }) => ownerOf(path))
    .filter((owner) => owner !== undefined && isAlive(owner.name));
}

/** Removes a directory of state, with the data that had to lie elsewhere. */
export function removeState(directory) {
  for (const { name, path } of entriesBelow(directory, DEPTH_MAX)) {
    if (name === DATA_ELSEWHERE) rmSync(readFileSync(path, 'utf8').trim(), { recursive: true, force: true });
  }
  rmSync(directory, { recursive: true, force: true });
}

/** The stack, the demo and the test runs each have a lock of their own. */
const isLock = (name) => name.endsWith('.lock');

/** @returns {Generator<{name: string, path: string}>} */
function* entriesBelow(directory, depth) {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    yield { name: entry.name, path };
    if (entry.isDirectory() && !isLock(entry.name) && depth > 1) yield* entriesBelow(path, depth - 1);
  }
}
