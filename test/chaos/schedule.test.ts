import { expect, test } from 'vitest';
import { nextRate } from './rate.ts';
import { Departures, timesOf, wasDisturbed } from './recovery.ts';
import { type Kind, type Lane, lanes, steps } from './schedule.ts';

const names = Object.keys(lanes) as Lane[];

test('the same seed gives the same faults, another seed others', () => {
  const first = (seed: number) => {
    const plan = steps(seed, 'phase1');
    return Array.from({ length: 20 }, () => plan.next().value);
  };
  expect(first(7)).toEqual(first(7));
  expect(first(7)).not.toEqual(first(8));
});

test.each(names)('%s: one round of the deck has every kind of the lane', (lane) => {
  const plan = steps(1, lane);
  const seen = new Set<Kind>();
  for (let drawn = 0; drawn < 2 * Object.keys(lanes[lane]).length + 4; drawn++) seen.add(plan.next().value.kind);
  expect([...seen].sort()).toEqual(Object.keys(lanes[lane]).sort());
});

test('partitions have recovered when the last of them advances under a newer epoch', () => {
  const departures = new Departures();
  departures.left(
    'kill',
    'phase1-1',
    new Map([
      ['t/0', 3n],
      ['t/1', 5n],
    ]),
    1_000,
  );
  departures.left('kill', 'phase1-2', new Map(), 1_000);
  departures.saw({ place: 't/0', kind: 'data', epoch: 3n, moved: true, atMs: 1_100 });
  departures.saw({ place: 't/0', kind: 'claim', epoch: 4n, moved: false, atMs: 7_000 });
  departures.saw({ place: 't/0', kind: 'data', epoch: 4n, moved: true, atMs: 8_000 });
  expect(timesOf(departures.all)).toMatchObject({ count: 1, unrecovered: 1, p99: null });
  departures.saw({ place: 't/1', kind: 'data', epoch: 6n, moved: true, atMs: 9_500 });
  expect(timesOf(departures.all)).toMatchObject({ count: 1, unrecovered: 0, p50: 8_500, p99: 8_500, max: 8_500 });
});

test('a departure is disturbed by other faults that landing feels, not by its own', () => {
  const departures = new Departures();
  departures.left('kill', 'phase1-1', new Map([['t/0', 1n]]), 1_000);
  departures.advanced('t/0', 2n, 8_000);
  const departure = departures.all[0] as (typeof departures.all)[number];
  const fault = (lane: Lane, kind: Kind, target: string, startMs: number, endMs: number) => ({ lane, kind, target, startMs, endMs });
  const own = fault('phase1', 'phase1-kill', 'phase1-1', 999, 3_000);
  expect(wasDisturbed(departure, [own])).toBe(false);
  expect(wasDisturbed(departure, [own, fault('metastore', 'metastore-kill', 'metastore', 2_000, 3_000)])).toBe(false);
  expect(wasDisturbed(departure, [own, fault('kafka', 'broker-kill', 'kafka-1', 2_000, 3_000)])).toBe(true);
  expect(wasDisturbed(departure, [own, fault('kafka', 'broker-kill', 'kafka-1', 100, 900)])).toBe(false);
});

test('producers slow down while tables lag, and never exceed the limit', () => {
  expect(nextRate(1_000, 100_000, 2_000)).toBe(600);
  expect(nextRate(100, 10_000, 2_000)).toBe(150);
  expect(nextRate(1_000, 30_000, 2_000)).toBe(1_000);
  expect(nextRate(1_000, 0, 2_000)).toBe(1_500);
  expect(nextRate(1_900, 0, 2_000)).toBe(2_000);
  expect(nextRate(100, 1_000_000, 2_000)).toBe(100);
  expect(nextRate(50, 0, 50)).toBe(50);
});
