import type { ObjectInfo, ObjectStore, PutIfAbsentResult } from '@millrace/core/ports/object-store.ts';
import type { Io } from './io.ts';
import type { SimProcess } from './process.ts';

/**
 * An object store as a Map: each request is applied at one moment of virtual time, atomically. `view` is the port as one process sees it, with all that
 * may become of a request on the way. A write that others can see calls `onWrite` at that moment, so that a law can be checked at every step.
 */
export class ModelStore {
  readonly objects = new Map<string, Uint8Array>();
  readonly #io: Io;
  readonly #onWrite: (key: string, body: Uint8Array, before: Uint8Array | undefined, process: string) => void;

  constructor(io: Io, onWrite: (key: string, body: Uint8Array, before: Uint8Array | undefined, process: string) => void = () => {}) {
    this.#io = io;
    this.#onWrite = onWrite;
  }

  /** Keys below a prefix, in byte order. */
  keys(prefix = ''): string[] {
    return [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort(byBytes);
  }

  view(process: SimProcess): ObjectStore {
    const io = this.#io;
    const { objects } = this;
    return {
      url: 'model:',
      putIfAbsent: (key, body, signal) => {
        const copy = body.slice();
        const apply = (): PutIfAbsentResult => {
          if (objects.has(key)) return 'exists';
          this.#write(key, copy, process);
          return 'created';
        };
        return io.request(process, { operation: 'putIfAbsent', key, write: true, apply, signal });
      },
      put: (key, body, signal) => {
        const copy = body.slice();
        return io.request(process, { operation: 'put', key, write: true, apply: () => this.#write(key, copy, process), signal });
      },
      get: (key, { range, signal } = {}) => {
        const apply = () => {
          const body = objects.get(key);
          return range === undefined ? body?.slice() : body?.slice(range.start, range.end);
        };
        return io.request(process, { operation: 'get', key, write: false, apply, signal });
      },
      head: (key, signal) => io.request(process, { operation: 'head', key, write: false, apply: () => this.#info(key), signal }),
      list: (prefix, { startAfter, limit = 1000, signal } = {}) => {
        const apply = () =>
          this.keys(prefix)
            .filter((key) => startAfter === undefined || byBytes(key, startAfter) > 0)
            .slice(0, limit)
            .map((key) => this.#info(key) as ObjectInfo);
        return io.request(process, { operation: 'list', key: prefix, write: false, apply, signal });
      },
      delete: (key, signal) => {
        const apply = () => void objects.delete(key);
        return io.request(process, { operation: 'delete', key, write: true, apply, signal });
      },
      close: async () => {},
    };
  }

  #write(key: string, body: Uint8Array, process: SimProcess): void {
    const before = this.objects.get(key);
    this.objects.set(key, body);
    this.#onWrite(key, body, before, process.name);
  }

  #info(key: string): ObjectInfo | undefined {
    const body = this.objects.get(key);
    return body === undefined ? undefined : { key, bytes: body.length, lastModifiedMs: 0 };
  }
}

/** Keys of a run are ASCII: their text order is their byte order. */
function byBytes(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
