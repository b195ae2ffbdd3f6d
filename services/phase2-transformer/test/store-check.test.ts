import { createLogger } from '@millrace/core/adapters/admin/logger.ts';
import { systemClock } from '@millrace/core/adapters/system/clock.ts';
import { FaultyStore } from '@millrace/core/testing/faulty-store.ts';
import { memoryStore } from '@millrace/core/testing/memory-store.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StoreCheck } from '../src/store-check.ts';

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => vi.useRealTimers());

async function watched() {
  const store = new FaultyStore(memoryStore().store);
  const check = new StoreCheck('raw', store, systemClock, createLogger('test', 'silent'));
  const stop = new AbortController();
  await check.begin(
    async () => undefined,
    () => true,
    stop.signal,
  );
  const watching = check.watch(stop.signal);
  const end = () => {
    stop.abort();
    return watching;
  };
  return { store, check, looks: () => store.calls.length, end };
}

describe('a store that takes connections and answers nothing', () => {
  it('is not ready within 15 s, says so, and is ready again when it answers', async () => {
    const { store, check, end } = await watched();
    expect(check.check()).toEqual({ name: 'raw', ok: true, detail: null });
    expect(check.trouble()).toBeNull();
    store.inject({ on: 'head', effect: 'hang', times: Number.POSITIVE_INFINITY });
    await vi.advanceTimersByTimeAsync(15_000);
    expect(check.check()).toEqual({ name: 'raw', ok: false, detail: `${store.url} gives no answer within 5 s` });
    expect(check.trouble()).toBe(`raw: ${store.url} gives no answer within 5 s`);
    store.heal();
    await vi.advanceTimersByTimeAsync(15_000);
    expect(check.check().ok).toBe(true);
    await end();
  });

  it('is asked once at a time when it does not even let go', async () => {
    const { store, check, looks, end } = await watched();
    vi.spyOn(store, 'head').mockImplementation(() => {
      store.calls.push({ operation: 'head', key: '' });
      return new Promise(() => undefined);
    });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(check.check().ok).toBe(false);
    expect(looks()).toBe(1);
    await end();
  });
});
