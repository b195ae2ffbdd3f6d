import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ownerOf, tryLock } from '../lock.mjs';
import { identity, isAlive } from '../process-id.mjs';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lock-test-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

test('one holds a lock; the next is told who; after the release it is free', () => {
  const lock = join(dir, 'lock');
  const first = tryLock(lock, 'first');
  if (!('release' in first)) throw new Error('the lock was free');
  expect(tryLock(lock, 'second')).toEqual({ owner: { name: identity(process.pid), what: 'first' } });
  first.release();
  expect(tryLock(lock, 'third')).toHaveProperty('release');
});

test('the lock of a dead process is taken over and nothing is left beside it', () => {
  const lock = join(dir, 'lock');
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  mkdirSync(lock);
  writeFileSync(join(lock, 'owner.json'), JSON.stringify({ name: `${dead}@12345`, what: 'killed' }));
  expect(tryLock(lock, 'next')).toHaveProperty('release');
  expect(ownerOf(lock)?.name).toBe(identity(process.pid));
  expect(readdirSync(dir)).toEqual(['lock']);
});

test('a pid that now belongs to another process does not count as alive', () => {
  expect(isAlive(identity(process.pid))).toBe(true);
  expect(isAlive(`${process.pid}@1`)).toBe(false);
});

test('a set-up that is killed half way leaves no half directory, and the next one fills it', () => {
  const place = new URL('../place.mjs', import.meta.url).href;
  const step = (body: string) =>
    spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { writeFileSync } from 'node:fs';
         import { fillOnce } from ${JSON.stringify(place)};
         await fillOnce({ title: 'x', target: ${JSON.stringify(join(dir, 'tool'))}, fill: async (temporary) => {
           writeFileSync(temporary + '/one', '');
           ${body}
           writeFileSync(temporary + '/two', '');
         } });`,
      ],
      { env: { ...process.env, MILLRACE_CACHE: dir }, encoding: 'utf8' },
    );
  expect(step(`process.kill(process.pid, 'SIGKILL');`).signal).toBe('SIGKILL');
  expect(existsSync(join(dir, 'tool'))).toBe(false);
  expect(step('').status).toBe(0);
  expect(readdirSync(join(dir, 'tool')).sort()).toEqual(['one', 'two']);
  expect(readdirSync(dir).filter((name) => name.startsWith('.tmp-'))).toEqual([]);
  expect(step('throw new Error()').stderr, 'a filled directory is left alone').toBe('');
});
