import { expect, test } from 'vitest';
import { type EndsSeen, endsMax, nothingSeen, sawEnd, waitedSeconds } from '../../src/dump/lag-age.ts';

/** Ends seen one after the other: `[landed, end, at]`, at in seconds. */
const watched = (...looks: [next: number, end: number, at: number][]): EndsSeen =>
  looks.reduce((seen, [next, end, at]) => sawEnd(seen, BigInt(next), BigInt(end), at * 1000), nothingSeen);

test('nothing waits while landing is at the end, however often that moves', () => {
  expect(waitedSeconds(nothingSeen, 0n, null, 5_000, 0)).toBe(0);
  expect(waitedSeconds(watched([10, 10, 0], [20, 20, 5]), 20n, null, 9_000, 0)).toBe(0);
});

test('what waits grows older while landing stands still, also between two looks', () => {
  const seen = watched([10, 10, 0], [10, 15, 1], [10, 30, 4]);
  expect(waitedSeconds(seen, 10n, null, 4_000, 0)).toBe(3);
  expect(waitedSeconds(seen, 10n, null, 60_000, 0)).toBe(59);
});

test('under a steady stream the age is of the next record, not since the partition was last caught up', () => {
  let seen = nothingSeen;
  for (let at = 0; at < 600; at++) seen = sawEnd(seen, BigInt(Math.max(0, at - 3)), BigInt(at), at * 1000);
  expect(waitedSeconds(seen, 596n, null, 599_000, 0)).toBe(2);
});

test('what was there before the watch began is as old as its own timestamp says, as soon as that is known', () => {
  const seen = watched([10, 100, 0]);
  expect(waitedSeconds(seen, 10n, null, 2_000, 3_600_000)).toBe(2);
  expect(waitedSeconds(seen, 10n, 0, 2_000, 3_600_000)).toBe(3_600);
});

test('what came since has waited since it was seen, whatever timestamp its producer gave it', () => {
  const seen = watched([10, 10, 0], [10, 15, 1]);
  expect(waitedSeconds(seen, 10n, 0, 3_000, 1e12)).toBe(2);
});

test('a timestamp in the future, and an end that falls, are no age below zero', () => {
  expect(waitedSeconds(watched([0, 5, 0]), 0n, 9e12, 0, 1e12)).toBe(0);
  expect(waitedSeconds(watched([10, 12, 0], [10, 4, 1]), 10n, null, 5_000, 0)).toBe(5);
});

test('what is remembered has a bound, and forgets no more than every second end', () => {
  let seen = nothingSeen;
  for (let at = 0; at < 10 * endsMax; at++) seen = sawEnd(seen, 0n, BigInt(at + 1), at * 1000);
  expect(seen.ends.length).toBeLessThanOrEqual(endsMax);
  expect(waitedSeconds(seen, 0n, null, 10_000_000, 0)).toBe(10_000);
  expect(seen.ends.at(-1)?.end).toBe(BigInt(10 * endsMax));
});
