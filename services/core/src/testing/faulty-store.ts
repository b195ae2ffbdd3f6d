import { MillraceError } from '../domain/errors.ts';
import type { ObjectInfo, ObjectStore, PutIfAbsentResult } from '../ports/object-store.ts';

export type StoreOperation = 'putIfAbsent' | 'put' | 'get' | 'head' | 'list' | 'delete';

/**
 * `delay`: waits `ms` first · `failBefore`: 503, surely not applied · `loseRequest`: no answer, not applied, the caller cannot know ·
 * `loseAnswer`: applied, no answer · `applyLater`: no answer, applied after `ms` · `refuse`: 403 · `hang`: until the caller's signal fires.
 */
export type Effect = 'delay' | 'failBefore' | 'loseRequest' | 'loseAnswer' | 'applyLater' | 'refuse' | 'hang';

export type Fault = {
  on: StoreOperation | StoreOperation[];
  /** keys (or list prefixes) it meets; every key when left out */
  key?: RegExp;
  effect: Effect;
  /** for `delay` and `applyLater` */
  ms?: number;
  /** matching calls let through first; default 0 */
  after?: number;
  /** calls it meets before it is spent; default 1; Infinity for always */
  times?: number;
};

export type StoreCall = { operation: StoreOperation; key: string };

/**
 * Any object store, failing on request. Faults are tried in the order given; the first that matches a call is the call's fault.
 * `calls` records every call in order, so that a test can count requests.
 */
export class FaultyStore implements ObjectStore {
  readonly url: string;
  readonly calls: StoreCall[] = [];
  readonly #inner: ObjectStore;
  #faults: (Fault & { after: number; times: number })[] = [];
  readonly #late = new Set<Promise<unknown>>();

  constructor(inner: ObjectStore) {
    this.#inner = inner;
    this.url = inner.url;
  }

  /** Adds a fault. */
  inject(fault: Fault): void {
    this.#faults.push({
      ...fault,
      after: fault.after ?? 0,
      times: fault.times ?? 1,
    });
  }

  /** Takes all faults away; what was put off by `applyLater` still comes. */
  heal(): void {
    this.#faults = [];
  }

  /** Resolves when everything put off by `applyLater` has been applied. */
  async settled(): Promise<void> {
    await Promise.all(this.#late);
  }

  putIfAbsent(key: string, body: Uint8Array, signal?: AbortSignal): Promise<PutIfAbsentResult> {
    const copy = body.slice();
    return this.#run('putIfAbsent', key, signal, (live) => this.#inner.putIfAbsent(key, copy, live));
  }
  put(key: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    const copy = body.slice();
    return this.#run('put', key, signal, (live) => this.#inner.put(key, copy, live));
  }
  get(
    key: string,
    options: {
      range?: { start: number; end: number };
      signal?: AbortSignal;
    } = {},
  ): Promise<Uint8Array | undefined> {
    return this.#run('get', key, options.signal, () => this.#inner.get(key, options));
  }
  head(key: string, signal?: AbortSignal): Promise<ObjectInfo | undefined> {
    return this.#run('head', key, signal, () => this.#inner.head(key, signal));
  }
  list(prefix: string, options: { startAfter?: string; limit?: number; signal?: AbortSignal } = {}): Promise<ObjectInfo[]> {
    return this.#run('list', prefix, options.signal, () => this.#inner.list(prefix, options));
  }
  delete(key: string, signal?: AbortSignal): Promise<void> {
    return this.#run('delete', key, signal, (live) => this.#inner.delete(key, live));
  }
  close(): Promise<void> {
    return this.#inner.close();
  }

  async #run<T>(
    operation: StoreOperation,
    key: string,
    signal: AbortSignal | undefined,
    apply: (signal?: AbortSignal) => Promise<T>,
  ): Promise<T> {
    this.calls.push({ operation, key });
    const fault = this.#take(operation, key);
    if (fault === undefined) return apply(signal);
    const lost = () =>
      new MillraceError('unavailable', 'injected', `${operation} ${key}: no answer (injected)`, {
        key,
        ...(operation === 'putIfAbsent' ? { outcome: 'unknown' } : {}),
      });
    switch (fault.effect) {
      case 'delay':
        await pause(fault.ms ?? 0);
        return apply(signal);
      case 'failBefore':
        throw new MillraceError('unavailable', 'injected', `${operation} ${key}: 503 (injected)`, {
          key,
          ...(operation === 'putIfAbsent' ? { outcome: 'not_applied' } : {}),
        });
      case 'refuse':
        throw new MillraceError('invalid', 'no_permission', `${operation} ${key}: 403 (injected)`, { key });
      case 'loseRequest':
        throw lost();
      case 'loseAnswer':
        await apply().catch(() => undefined);
        throw lost();
      case 'applyLater': {
        const late = pause(fault.ms ?? 0)
          .then(() => apply())
          .catch(() => undefined)
          .finally(() => this.#late.delete(late));
        this.#late.add(late);
        throw lost();
      }
      case 'hang':
        await new Promise<void>((resolve) => {
          if (signal?.aborted) resolve();
          signal?.addEventListener('abort', () => resolve(), { once: true });
        });
        throw lost();
    }
  }

  #take(operation: StoreOperation, key: string): Fault | undefined {
    for (const fault of this.#faults) {
      if (![fault.on].flat().includes(operation) || fault.key?.test(key) === false || fault.times <= 0) continue;
      if (fault.after > 0) {
        fault.after--;
        continue;
      }
      fault.times--;
      return fault;
    }
    return undefined;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
