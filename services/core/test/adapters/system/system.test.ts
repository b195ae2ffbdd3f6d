import { systemClock } from '@millrace/core/adapters/system/clock.ts';
import { systemRandom } from '@millrace/core/adapters/system/random.ts';
import { expect, test } from 'vitest';

test('ulids are 26 characters and rise strictly', () => {
  const ulids = Array.from({ length: 5_000 }, () => systemRandom.ulid());
  expect(ulids[0]).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
  expect([...new Set(ulids)].sort()).toEqual(ulids);
});

test('id53 stays in [1, 2^53 − 1] and uses its high bits; fraction in [0, 1)', () => {
  const ids = Array.from({ length: 1_000 }, () => systemRandom.id53());
  expect(ids.every((id) => id >= 1n && id < 2n ** 53n)).toBe(true);
  expect(ids.some((id) => id >= 2n ** 52n)).toBe(true);
  expect(Array.from({ length: 1_000 }, () => systemRandom.fraction()).every((f) => f >= 0 && f < 1)).toBe(true);
});

test('sleep waits, ends early on abort, and takes its listener away', async () => {
  const started = systemClock.monotonic();
  await systemClock.sleep(30);
  expect(systemClock.monotonic() - started).toBeGreaterThanOrEqual(28);
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 10);
  await systemClock.sleep(60_000, stop.signal);
  await systemClock.sleep(60_000, stop.signal);
  expect(systemClock.monotonic() - started).toBeLessThan(5_000);
});
