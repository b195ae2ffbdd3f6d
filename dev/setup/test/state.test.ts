import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tryLock } from '../lock.mjs';
import { DATA_ELSEWHERE, RUN_LOCK } from '../paths.mjs';
import { identity } from '../process-id.mjs';
import { livingRuns, removeState } from '../state.mjs';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'state-test-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('a living run is found wherever it has claimed its part, a dead one is not', () => {
  mkdirSync(join(dir, 'test', 'run-1', RUN_LOCK), { recursive: true });
  writeFileSync(join(dir, 'test', 'run-1', RUN_LOCK, 'owner.json'), JSON.stringify({ name: '1@1', what: 'killed' }));
  expect(livingRuns(dir)).toEqual([]);
  const lock = tryLock(join(dir, 'stack', RUN_LOCK), 'npm run stack');
  expect(livingRuns(dir)).toEqual([{ name: identity(process.pid), what: 'npm run stack' }]);
  if ('release' in lock) lock.release();
  expect(livingRuns(dir)).toEqual([]);
});

test('data that had to lie elsewhere is removed with the state', () => {
  const state = join(dir, 'state');
  const elsewhere = join(dir, 'elsewhere');
  mkdirSync(elsewhere);
  mkdirSync(join(state, 'test', 'run-1', 'postgres'), { recursive: true });
  writeFileSync(join(state, 'test', 'run-1', 'postgres', DATA_ELSEWHERE), elsewhere);
  removeState(state);
  expect([existsSync(state), existsSync(elsewhere)]).toEqual([false, false]);
});
