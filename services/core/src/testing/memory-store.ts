import type { ObjectStore } from '../ports/object-store.ts';

/** A store in a Map that counts its requests: enough for reading rules. */
export function memoryStore() {
  const objects = new Map<string, Uint8Array>();
  const count = { get: 0, list: 0 };
  const store: ObjectStore = {
    url: 'memory:',
    putIfAbsent: async (key, body) => {
      if (objects.has(key)) return 'exists';
      objects.set(key, body);
      return 'created';
    },
    put: async (key, body) => void objects.set(key, body),
    get: async (key) => {
      count.get++;
      return objects.get(key);
    },
    head: async (key) => (objects.has(key) ? { key, bytes: objects.get(key)?.length ?? 0, lastModifiedMs: 0 } : undefined),
    list: async (prefix, options) => {
      count.list++;
      return [...objects.keys()]
        .filter(
          (key) =>
            key.startsWith(prefix) &&
            (options?.startAfter === undefined || Buffer.compare(Buffer.from(key), Buffer.from(options.startAfter)) > 0),
        )
        .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        .slice(0, options?.limit ?? 1000)
        .map((key) => ({ key, bytes: objects.get(key)?.length ?? 0, lastModifiedMs: 0 }));
    },
    delete: async (key) => void objects.delete(key),
    close: async () => {},
  };
  return { store, objects, count };
}
