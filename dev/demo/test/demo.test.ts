import { loyaltyFrom, notJsonEvery, orderRecord, tombstoneEvery } from '@millrace/cli/demo/orders.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readOptions } from '../options.ts';
import { progressLine, progressOf } from '../progress.ts';
import { createScreen } from '../screen.ts';

const now = Date.UTC(2026, 0, 15);

test('the same index gives the same bytes, and an order is JSON with an id beyond 2^53', () => {
  fc.assert(
    fc.property(fc.nat(5_000_000), (index) => {
      const { key, value } = orderRecord(index, now);
      expect(orderRecord(index, now)).toEqual({ key, value });
      if (index > 0 && index % tombstoneEvery === 0) expect(value).toBeNull();
      else if (index > 0 && index % notJsonEvery === 0) expect(() => JSON.parse(value ?? '')).toThrow();
      else expect(BigInt(/^\{"id":(\d+),/.exec(value ?? '')?.[1] ?? 0)).toBe(2n ** 53n + 1n + BigInt(index) * 10n);
    }),
  );
});

test('every field keeps one type over the whole stream; money always has a fraction', () => {
  const types = new Map<string, Set<string>>();
  const look = (path: string, value: unknown): void => {
    if (Array.isArray(value)) for (const element of value) look(`${path}[]`, element);
    else if (typeof value === 'object' && value !== null) for (const [name, inner] of Object.entries(value)) look(`${path}.${name}`, inner);
    else types.set(path, (types.get(path) ?? new Set()).add(typeof value));
  };
  for (let index = 0; index < 8_000; index++) {
    const { value } = orderRecord(index, now);
    if (value === null || !value.startsWith('{')) continue;
    look('', JSON.parse(value));
    expect(value.match(/"(total|unitPrice)":\d+\.\d\d[,}]/g)?.length).toBe(value.match(/"(total|unitPrice)":/g)?.length);
  }
  for (const [path, seen] of types) expect(seen.size, path).toBe(1);
  expect([...types.keys()]).toContain('.loyalty.tier');
});

test('a field appears only after some thousand records', () => {
  for (let index = 0; index < loyaltyFrom; index++) expect(orderRecord(index, now).value ?? '').not.toContain('loyalty');
});

test('options: nothing is produced into a given Kafka unless asked for; wrong numbers are refused', () => {
  expect(readOptions([], false)).toEqual({ once: false, records: 200_000, rate: 500, produce: true, dir: undefined });
  expect(readOptions(['--once', '--records', '7'], true)).toMatchObject({ once: true, records: 7, produce: false });
  expect(readOptions(['--demo'], true).produce).toBe(true);
  for (const bad of ['0', '-1', '1e3', 'x', ''])
    expect(() => readOptions([`--records=${bad}`], false)).toThrow('--records is a whole number');
});

test('the live line says what is unknown, and why a table does not run', () => {
  const partition = { topicId: 't', partition: 0, landed: 12n, committed: 5n, end: 15n, lagRecords: 10 };
  const status = {
    name: 'orders',
    state: 'RUNNING' as const,
    reason: null,
    partitions: [partition],
    lagSeconds: 2.25,
    lastCommit: null,
    nextAction: null,
  };
  expect(progressLine(progressOf(status, undefined, 1_234n))).toBe(
    'produced 1,234 · landed 12 · committed 5 · quarantined 0 · lag 1,229 records, 2.3 s',
  );
  const unknown = { ...status, state: 'BLOCKED' as const, reason: 'a reason', lagSeconds: null, partitions: [{ ...partition, end: null }] };
  expect(progressLine(progressOf(unknown, undefined, undefined))).toBe(
    'produced ? · landed 12 · committed 5 · quarantined 0 · lag ? records, ? s · BLOCKED: a reason',
  );
});

test('a terminal gets one line that is redrawn, anything else a plain line each 10 s', () => {
  const written = (isTTY: boolean, draw: (screen: ReturnType<typeof createScreen>, wait: (ms: number) => void) => void) => {
    let text = '';
    let time = 0;
    const out = {
      isTTY,
      columns: 40,
      write: (part: string) => {
        text += part;
        return true;
      },
    } as unknown as NodeJS.WriteStream;
    draw(
      createScreen(out, () => time),
      (ms) => (time += ms),
    );
    return text;
  };
  const three = (screen: ReturnType<typeof createScreen>, wait: (ms: number) => void) => {
    screen.live('a');
    wait(9_000);
    screen.live('b');
    screen.say('said');
    wait(2_000);
    screen.live('c'.repeat(60));
    screen.done();
  };
  expect(written(false, three)).toBe(`a\nsaid\n${'c'.repeat(60)}\n`);
  expect(written(true, three)).toBe(`a\r\x1b[Kb\r\x1b[Ksaid\nb\r\x1b[K${'c'.repeat(39)}\n`);
});
