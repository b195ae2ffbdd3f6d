import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isKind } from '../domain/errors.ts';
import { compareKeys } from '../domain/object-key.ts';
import type { ObjectStore } from '../ports/object-store.ts';

const utf8 = new TextEncoder();
const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : new TextDecoder().decode(bytes));

/** Names whose byte order differs from UTF-16 order, from folder-by-folder order, or that a URL would have to escape. */
const orderedNames = [
  'a',
  'a!b',
  'a b',
  'a+b',
  'a-',
  'a-/x',
  'a.',
  'aa',
  'a0/1',
  'b%2Fc=d&e?f#g',
  'b=ü/ø',
  'c/\u{ffee}',
  'c/\u{10000}',
  '~',
].sort(compareKeys);

/**
 * What every adapter of the ObjectStore port must do. Call it from a test file.
 * @param open a store on an empty root of its own; `close` is called at the end. Every process that opens the same root must see the same objects
 */
export function objectStoreContract(
  name: string,
  open: () => Promise<{
    store: ObjectStore;
    second: ObjectStore;
    cleanUp?: () => Promise<void>;
  }>,
): void {
  describe(`object store: ${name}`, () => {
    let store: ObjectStore;
    /** another client of the same root */
    let second: ObjectStore;
    let cleanUp: (() => Promise<void>) | undefined;

    beforeAll(async () => {
      ({ store, second, cleanUp } = await open());
    });
    afterAll(async () => {
      await store.close();
      await second.close();
      await cleanUp?.();
    });

    test('what is not there is undefined, and deleting it is fine', async () => {
      expect(await store.get('none/of/this.json')).toBeUndefined();
      expect(await store.get('none/of/this.json', { range: { start: 0, end: 5 } })).toBeUndefined();
      expect(await store.get('none/of/this.json', { range: { start: 3, end: 3 } })).toBeUndefined();
      expect(await store.head('none/of/this.json')).toBeUndefined();
      expect(await store.list('none/')).toEqual([]);
      await store.delete('none/of/this.json');
    });

    test('putIfAbsent creates once; the loser leaves the winner untouched', async () => {
      expect(await store.putIfAbsent('once/x.json', utf8.encode('first'))).toBe('created');
      expect(await second.putIfAbsent('once/x.json', utf8.encode('second, and longer'))).toBe('exists');
      expect(await store.putIfAbsent('once/x.json', utf8.encode('first'))).toBe('exists');
      expect(text(await second.get('once/x.json'))).toBe('first');
    });

    test('of 32 racers over two clients exactly one wins and its bytes are read', async () => {
      for (let round = 0; round < 5; round++) {
        const key = `race/${round}/deep/er.json`;
        const endings = await Promise.all(
          Array.from({ length: 32 }, (_, racer) =>
            (racer % 2 === 0 ? store : second).putIfAbsent(key, utf8.encode(`racer ${racer} ${'.'.repeat(racer * 100)}`)),
          ),
        );
        expect(endings.filter((ending) => ending === 'created')).toHaveLength(1);
        expect(text(await store.get(key))).toMatch(new RegExp(`^racer ${endings.indexOf('created')} `));
      }
    });

    test('put creates and replaces', async () => {
      await store.put('put/x', utf8.encode('one'));
      await store.put('put/x', utf8.encode('twenty-two'));
      expect(text(await second.get('put/x'))).toBe('twenty-two');
      const info = await store.head('put/x');
      expect(info).toMatchObject({ key: 'put/x', bytes: 10 });
      expect(Math.abs((info?.lastModifiedMs ?? 0) - Date.now())).toBeLessThan(5 * 60_000);
    });

    test('an empty object is an object', async () => {
      expect(await store.putIfAbsent('empty', new Uint8Array(0))).toBe('created');
      expect(await store.get('empty')).toEqual(new Uint8Array(0));
      expect(await store.head('empty')).toMatchObject({ bytes: 0 });
    });

    test('ranges are half-open and cut at the end', async () => {
      await store.put('range', utf8.encode('0123456789'));
      expect(text(await store.get('range', { range: { start: 2, end: 5 } }))).toBe('234');
      expect(text(await store.get('range', { range: { start: 8, end: 50 } }))).toBe('89');
      expect(text(await store.get('range', { range: { start: 10, end: 12 } }))).toBe('');
      expect(text(await store.get('range', { range: { start: 4, end: 4 } }))).toBe('');
    });

    test('a large body comes back byte for byte', async () => {
      const body = new Uint8Array(40 * 2 ** 20 + 17);
      for (let i = 0, x = 1; i < body.length; i += 97) {
        x = (x * 48_271) % 2_147_483_647;
        body[i] = x;
      }
      await store.put('large.bin', body);
      expect(await store.head('large.bin')).toMatchObject({
        bytes: body.length,
      });
      const back = await second.get('large.bin');
      expect(back !== undefined && Buffer.compare(body, back) === 0).toBe(true);
      await store.delete('large.bin');
    });

    test('delete removes, and the key can be created again', async () => {
      await store.put('gone/x', utf8.encode('1'));
      await store.delete('gone/x');
      expect(await store.get('gone/x')).toBeUndefined();
      expect(await store.list('gone/')).toEqual([]);
      expect(await store.putIfAbsent('gone/x', utf8.encode('2'))).toBe('created');
      expect(text(await store.get('gone/x'))).toBe('2');
    });

    test('list is in UTF-8 byte order of whole keys, strictly after startAfter, whatever the page size', async () => {
      for (const key of orderedNames) await store.put(`order/${key}/leaf`, utf8.encode(key));
      const keys = orderedNames.map((key) => `order/${key}/leaf`).sort(compareKeys);
      expect((await store.list('order/')).map((info) => info.key)).toEqual(keys);
      expect((await second.list('order/')).map((info) => info.bytes)).toEqual(
        keys.map((key) => Buffer.byteLength(key) - 'order//leaf'.length),
      );
      for (const limit of [1, 2, 5]) {
        const seen: string[] = [];
        for (;;) {
          const startAfter = seen.at(-1);
          const page = await store.list('order/', {
            limit,
            ...(startAfter === undefined ? {} : { startAfter }),
          });
          seen.push(...page.map((info) => info.key));
          if (page.length < limit) break;
        }
        expect(seen).toEqual(keys);
      }
    });

    test('startAfter need not exist nor lie under the prefix; prefix may be any string', async () => {
      for (const n of ['008', '009', '010', '011']) await store.put(`log/0${n}.json`, utf8.encode(n));
      const keysOf = async (prefix: string, startAfter?: string) =>
        (await store.list(prefix, startAfter === undefined ? {} : { startAfter })).map((info) => info.key);
      expect(await keysOf('log/00')).toEqual(
        ['log/0008.json', 'log/0009.json', 'log/0010.json', 'log/0011.json'].filter((key) => key.startsWith('log/00')),
      );
      expect(await keysOf('log/', 'log/0009.json')).toEqual(['log/0010.json', 'log/0011.json']);
      expect(await keysOf('log/', 'log/0009.')).toEqual(['log/0009.json', 'log/0010.json', 'log/0011.json']);
      expect(await keysOf('log/', 'a')).toHaveLength(4);
      expect(await keysOf('log/', 'z')).toEqual([]);
      expect(await keysOf('log/001')).toEqual(['log/0010.json', 'log/0011.json']);
      expect(await keysOf('lo')).toHaveLength(4);
      expect(await keysOf('log/0008.json')).toEqual(['log/0008.json']);
    });

    test('keys that would escape or cannot be stored are refused before anything is sent', async () => {
      const body = utf8.encode('x');
      for (const key of [
        '',
        '/a',
        'a/',
        'a//b',
        '../a',
        'a/../b',
        'a/.',
        '.',
        'a\0b',
        'a\nb',
        'a/\ud800',
        `a/${'é'.repeat(128)}`,
        'a/'.repeat(600).slice(0, -1),
      ]) {
        const refused = (error: unknown) => isKind(error, 'invalid');
        await expect(store.putIfAbsent(key, body)).rejects.toSatisfy(refused);
        await expect(store.put(key, body)).rejects.toSatisfy(refused);
        await expect(store.get(key)).rejects.toSatisfy(refused);
        await expect(store.delete(key)).rejects.toSatisfy(refused);
      }
      expect(await store.putIfAbsent(`segments/${'s'.repeat(255)}`, body)).toBe('created');
    });

    test('an aborted signal stops a call with kind unavailable', async () => {
      const signal = AbortSignal.abort();
      for (const call of [
        store.putIfAbsent('stopped', utf8.encode('x'), signal),
        store.put('stopped', utf8.encode('x'), signal),
        store.get('stopped', { signal }),
        store.list('', { signal }),
      ])
        await expect(call).rejects.toSatisfy((error) => isKind(error, 'unavailable'));
      expect(await store.get('stopped')).toBeUndefined();
    });
  });
}
