import { expect, test } from 'vitest';
import { clientIsNew, emptyWatch, type Watch, watch } from '../../src/dump/watchdog.ts';

const timeoutMs = 1_000;
type Look = [now: number, partitions: Record<string, [next: number, end: number]>];

/** Verdicts of one look after another; a rebuild is carried out at once. */
function verdicts(...looks: Look[]): string[] {
  let kept: Watch = emptyWatch;
  return looks.map(([now, partitions]) => {
    const seen = Object.entries(partitions).map(([key, [next, end]]) => ({ key, next: BigInt(next), end: BigInt(end) }));
    const look = watch(kept, seen, timeoutMs, now);
    kept = look.verdict === 'rebuild' ? clientIsNew(look.watch) : look.watch;
    return look.verdict;
  });
}

test('a silent client is rebuilt once after the timeout, and gets the whole timeout again before the exit', () => {
  const silent = { a: [5, 9] as [number, number] };
  expect(verdicts([0, silent], [999, silent], [1000, silent], [1100, silent], [2099, silent], [2100, silent])).toEqual([
    'fine',
    'fine',
    'rebuild',
    'fine',
    'fine',
    'exit',
  ]);
});

test('a claim of the rebuilt client is no progress, not even one further back; records are', () => {
  const until = [
    [0, { a: [5, 9] }],
    [1000, { a: [5, 9] }],
  ] satisfies Look[];
  expect(verdicts(...until, [1100, { a: [3, 9] }], [2100, { a: [3, 9] }])).toEqual(['fine', 'rebuild', 'fine', 'exit']);
  expect(verdicts(...until, [1100, { a: [3, 9] }], [1200, { a: [4, 9] }], [2200, { a: [4, 9] }]).at(-1)).toBe('rebuild');
});

test('records of another partition do not excuse the one the client was rebuilt for', () => {
  expect(
    verdicts(
      [0, { a: [5, 9], b: [0, 1] }],
      [1000, { a: [5, 9], b: [1, 1] }],
      [1100, { a: [5, 9], b: [2, 2] }],
      [2100, { a: [5, 9], b: [3, 3] }],
    ),
  ).toEqual(['fine', 'rebuild', 'fine', 'exit']);
});

test('a partition idle for long has the whole timeout for the next record', () => {
  expect(verdicts([0, { a: [5, 5] }], [9000, { a: [5, 6] }], [9999, { a: [5, 6] }], [10_000, { a: [6, 6] }])).toEqual(
    Array(4).fill('fine'),
  );
});

test('slow progress is progress', () => {
  expect(verdicts([0, { a: [5, 99] }], [900, { a: [6, 99] }], [1800, { a: [7, 99] }], [2700, { a: [8, 99] }])).toEqual(
    Array(4).fill('fine'),
  );
});

test('a pause, and a leader that does not answer, begin the time anew', () => {
  expect(verdicts([0, { a: [5, 9] }], [900, {}], [1500, { a: [5, 9] }], [2499, { a: [5, 9] }], [2500, { a: [5, 9] }])).toEqual([
    'fine',
    'fine',
    'fine',
    'fine',
    'rebuild',
  ]);
});
