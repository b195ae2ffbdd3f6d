import { checkKey, compareKeys, printableKey } from '@millrace/core/domain/object-key.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';

test('compareKeys is the order of UTF-8 bytes', () => {
  const odd = fc.string({
    unit: fc.constantFrom(
      'a',
      'b',
      '/',
      '\u{7f}',
      '\u{80}',
      '\u{7ff}',
      '\u{800}',
      '\u{d7ff}',
      '\u{e000}',
      '\u{ffff}',
      '\u{10000}',
      '\u{10ffff}',
    ),
    maxLength: 4,
  });
  fc.assert(
    fc.property(odd, odd, (a, b) => {
      expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
});

test('bounds are in bytes: a segment of 255, a key of 1024 with its prefix', () => {
  checkKey('é'.repeat(127));
  expect(() => checkKey('é'.repeat(128))).toThrow(expect.objectContaining({ kind: 'invalid', code: 'key_segment_too_long' }));
  const key = `${'a/'.repeat(511)}aa`;
  checkKey(key);
  expect(() => checkKey(key, 1)).toThrow(expect.objectContaining({ kind: 'invalid', code: 'key_too_long' }));
});

test('what a table is split by is not shown in messages: it is record data', () => {
  expect(printableKey('raw/topic/2026/01/00000-1.jsonl.zst')).toBe('raw/topic/2026/01/00000-1.jsonl.zst');
  expect(printableKey('orders/country=Elbonia/day=2026-01-01/part-1.parquet')).toBe('orders/country=…/day=…/part-1.parquet');
  expect(printableKey('country=/x=y')).toBe('country=/x=y');
  expect(printableKey("ENOSPC: no space left, open '/lake/orders/name=Ann Lee/part'")).toBe(
    "ENOSPC: no space left, open '/lake/orders/name=…/part'",
  );
  for (const key of [`name=secret${'é'.repeat(128)}/part`, `name=secret/${'a/'.repeat(511)}aa`, 'name=secret//part'])
    expect(() => checkKey(key)).toThrow(expect.objectContaining({ message: expect.not.stringMatching(/secret/) }));
});
