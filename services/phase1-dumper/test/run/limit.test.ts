import { expect, test } from 'vitest';
import { Limit } from '../../src/run/limit.ts';

const never = new AbortController().signal;

test('tasks beyond the limit are begun in the order they came, as places come free', async () => {
  const limit = new Limit(1);
  const order: string[] = [];
  const first = Promise.withResolvers<void>();
  const task = (name: string, until?: Promise<void>) =>
    limit.run(async () => {
      order.push(name);
      await until;
      return name;
    }, never);
  const all = [task('a', first.promise), task('b'), task('c')];
  await Promise.resolve();
  expect(order).toEqual(['a']);
  first.resolve();
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c']);
  expect(order).toEqual(['a', 'b', 'c']);
  expect(await task('d')).toBe('d');
});

test('whoever leaves the line takes no place with them, and the task is not begun', async () => {
  const limit = new Limit(1);
  const first = Promise.withResolvers<void>();
  const leaving = new AbortController();
  const holder = limit.run(() => first.promise, never);
  const left = limit.run(() => Promise.reject(new Error('begun')), leaving.signal);
  const next = limit.run(async () => 'next', never);
  leaving.abort();
  expect(await left).toBeUndefined();
  first.resolve();
  await holder;
  expect(await next).toBe('next');
  expect(await limit.run(async () => 'begun', leaving.signal)).toBeUndefined();
});
