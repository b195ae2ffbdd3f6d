import { Stages } from '@millrace/core/work/stages.ts';
import { expect, test } from 'vitest';

/** Time by hand; the wall clock and the monotonic one are set apart. */
function handClock() {
  const time = { wall: 1_800_000_000_000, monotonic: 5_000 };
  return { time, clock: { now: () => time.wall, monotonic: () => time.monotonic, sleep: async () => undefined } };
}

test('stages are as long as the monotonic clock says, whatever is done to the wall clock', () => {
  const { time, clock } = handClock();
  const observed: [string, number][] = [];
  const stages = new Stages(clock, (stage, seconds) => observed.push([stage, seconds]));
  const sealed = stages.begin('seal');
  time.monotonic += 250;
  time.wall -= 3_600_000;
  sealed();
  sealed();
  expect(stages.times()).toEqual([{ stage: 'seal', startMs: 1_800_000_000_000, endMs: 1_800_000_000_250, failed: false }]);
  expect(observed).toEqual([['seal', 0.25]]);
});

test('a stage that never came to its end is shown as failed and not counted', () => {
  const { time, clock } = handClock();
  const observed: string[] = [];
  const stages = new Stages(clock, (stage) => observed.push(stage));
  stages.begin('read')();
  stages.begin('commit');
  time.monotonic += 40;
  expect(stages.times().map(({ stage, failed, startMs, endMs }) => [stage, failed, endMs - startMs])).toEqual([
    ['read', false, 0],
    ['commit', true, 40],
  ]);
  expect(observed).toEqual(['read']);
});
