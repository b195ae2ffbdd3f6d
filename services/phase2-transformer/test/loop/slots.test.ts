import { describe, expect, it } from 'vitest';
import { BatchSlots } from '../../src/loop/slots.ts';

const never = new AbortController().signal;

/** Asks for a place and tells when it is given. */
function ask(slots: BatchSlots, bytes: number, signal = never) {
  const asked = { given: false, release: () => {} };
  void slots.acquire(bytes, signal).then((slot) => {
    asked.given = slot !== undefined;
    asked.release = () => slot?.release();
  });
  return asked;
}
const tick = () => new Promise((resolve) => setImmediate(resolve));

describe('batches under way in a process', () => {
  it('are bounded by number, first come first served', async () => {
    const slots = new BatchSlots(2, 1000);
    const asked = [ask(slots, 1), ask(slots, 1), ask(slots, 1), ask(slots, 1)];
    await tick();
    expect(asked.map(({ given }) => given)).toEqual([true, true, false, false]);
    asked[1]?.release();
    asked[1]?.release();
    await tick();
    expect(asked.map(({ given }) => given)).toEqual([true, true, true, false]);
  });

  it('are bounded by bytes, and one that is larger than everything passes alone', async () => {
    const slots = new BatchSlots(10, 100);
    const asked = [ask(slots, 60), ask(slots, 5000), ask(slots, 10)];
    await tick();
    expect(asked.map(({ given }) => given)).toEqual([true, false, false]);
    asked[0]?.release();
    await tick();
    expect(asked.map(({ given }) => given)).toEqual([true, true, false]);
    asked[1]?.release();
    await tick();
    expect(asked[2]?.given).toBe(true);
  });

  it('who stops waiting leaves the line', async () => {
    const slots = new BatchSlots(1, 100);
    const stop = new AbortController();
    const first = ask(slots, 1);
    const second = ask(slots, 1, stop.signal);
    const third = ask(slots, 1);
    stop.abort();
    await tick();
    first.release();
    await tick();
    expect([second.given, third.given]).toEqual([false, true]);
  });

  it('small ones pass those that are large, and are bounded too', async () => {
    const slots = new BatchSlots(1, 1000, 10);
    const large = [ask(slots, 900), ask(slots, 900)];
    const small = Array.from({ length: 6 }, () => ask(slots, 10));
    await tick();
    expect(large.map(({ given }) => given)).toEqual([true, false]);
    expect(small.map(({ given }) => given)).toEqual([true, true, true, true, false, false]);
    small[0]?.release();
    await tick();
    expect(small[4]?.given).toBe(true);
    expect(large[1]?.given).toBe(false);
  });
});
