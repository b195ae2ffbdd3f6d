import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cache } from './paths.mjs';
import { identity, isAlive, pidOf } from './process-id.mjs';
import { say } from './say.mjs';

const WAIT_STEP_MS = 200;
const WAIT_MAX_MS = 20 * 60_000;

/**
 * Takes a lock directory for this process, or tells who has it. The directory is made with its owner file inside and
 * moved into place, so it is never seen without an owner; a lock whose owner died is taken over.
 * @returns {{release: () => void} | {owner: {name: string, what: string}}}
 */
export function tryLock(directory, what) {
  mkdirSync(dirname(directory), { recursive: true });
  const mine = mkdtempSync(`${directory}.new-`);
  const me = identity(process.pid);
  writeFileSync(join(mine, 'owner.json'), JSON.stringify({ name: me, what }));
  for (let attempt = 0; attempt < 10; attempt++) {
    try {
      renameSync(mine, directory);
      return { release: () => rmSync(directory, { recursive: true, force: true }) };
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(error.code)) throw error;
    }
    const owner = ownerOf(directory);
    if (owner && isAlive(owner.name)) {
      rmSync(mine, { recursive: true, force: true });
      return { owner };
    }
    moveAway(directory, owner);
  }
  rmSync(mine, { recursive: true, force: true });
  throw new Error(`cannot take the lock ${directory}: it keeps coming back`);
}

/** Who holds the lock directory now, dead or alive; undefined when nobody does. */
export function ownerOf(directory) {
  try {
    return JSON.parse(readFileSync(join(directory, 'owner.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

/** Removes the lock of a dead owner. Two may try at once: whoever finds a living owner in its hands puts it back. */
function moveAway(directory, seen) {
  const aside = `${directory}.dead-${randomBytes(4).toString('hex')}`;
  try {
    renameSync(directory, aside);
  } catch {
    return;
  }
  const got = ownerOf(aside);
  if (got && got.name !== seen?.name && isAlive(got.name)) {
    try {
      renameSync(aside, directory);
      return;
    } catch {
      // A third process took the place meanwhile; both go on, and the work under these locks bears it.
    }
  }
  rmSync(aside, { recursive: true, force: true });
}

/** Runs `work` while holding the named lock of the cache; waits while another set-up holds it. */
export async function withLock(name, work) {
  const directory = join(cache, 'locks', name);
  const deadline = Date.now() + WAIT_MAX_MS;
  for (let told = false; ; ) {
    const lock = tryLock(directory, name);
    if ('release' in lock) {
      try {
        return await work();
      } finally {
        lock.release();
      }
    }
    if (!told) say(`waiting for ${name}: process ${pidOf(lock.owner.name)} is at it`);
    told = true;
    if (Date.now() > deadline)
      throw new Error(`process ${pidOf(lock.owner.name)} has held ${directory} for 20 minutes; end it and try again`);
    await sleep(WAIT_STEP_MS);
  }
}
