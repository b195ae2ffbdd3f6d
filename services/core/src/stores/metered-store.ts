import { isKind } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { ObjectStore } from '../ports/object-store.ts';

/** Requests of the port, as metrics name them. */
export const storeOperations = ['get', 'put', 'put_if_absent', 'list', 'head', 'delete'] as const;
export type StoreOperation = (typeof storeOperations)[number];

/** How a request ended: done, two answers that are none of an error, or the kind of its error. */
export const storeCodes = ['ok', 'not_found', 'exists', 'unavailable', 'invalid', 'corrupt', 'internal'] as const;
export type StoreCode = (typeof storeCodes)[number];

/** Codes an operation can end with. Pure. */
export function codesOf(operation: StoreOperation): StoreCode[] {
  return storeCodes.filter((code) => {
    if (code === 'not_found') return operation === 'get' || operation === 'head';
    return code !== 'exists' || operation === 'put_if_absent';
  });
}

/** Told of every request when it has ended. Must not throw or block. */
export type StoreMeter = (operation: StoreOperation, code: StoreCode, seconds: number) => void;

/**
 * `store` with every request told to `meter`: one request of the port each, whatever the adapter repeats inside. Answers and errors are passed on as they are.
 */
export function meteredStore(store: ObjectStore, meter: StoreMeter, clock: Pick<Clock, 'monotonic'>): ObjectStore {
  async function told<T>(operation: StoreOperation, request: Promise<T>, codeOf: (answer: T) => StoreCode): Promise<T> {
    const from = clock.monotonic();
    let code: StoreCode = 'internal';
    try {
      const answer = await request;
      code = codeOf(answer);
      return answer;
    } catch (error) {
      if (isKind(error, 'unavailable', 'invalid', 'corrupt')) code = error.kind as StoreCode;
      throw error;
    } finally {
      meter(operation, code, (clock.monotonic() - from) / 1000);
    }
  }
  const done = () => 'ok' as const;
  const found = (answer: unknown) => (answer === undefined ? 'not_found' : 'ok');
  return {
    url: store.url,
    putIfAbsent: (key, body, signal) =>
      told('put_if_absent', store.putIfAbsent(key, body, signal), (result) => (result === 'created' ? 'ok' : 'exists')),
    put: (key, body, signal) => told('put', store.put(key, body, signal), done),
    get: (key, options) => told('get', store.get(key, options), found),
    head: (key, signal) => told('head', store.head(key, signal), found),
    list: (prefix, options) => told('list', store.list(prefix, options), done),
    delete: (key, signal) => told('delete', store.delete(key, signal), done),
    close: () => store.close(),
  };
}
