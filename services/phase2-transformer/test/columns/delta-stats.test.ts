import { describe, expect, test } from 'vitest';
import { truncateMax, truncateMin } from '../../src/columns/delta-stats.ts';
import { batchOf, build, objectOf, rawLine, rawObject } from '../support/batches.ts';

const statsOf = (values: string[], options = {}) => build(batchOf([objectOf(values)], options)).output.files[0]?.stats as string;

describe('add.stats', () => {
  test('bounds, null counts and 64-bit numbers digit by digit', () => {
    const stats = statsOf([
      '{"l":-9223372036854775808,"d":-0.0,"s":"ž","b":true,"o":{"x":1,"y":null,"z":"a"},"a":[1]}',
      '{"l":9007199254740993,"d":1e300,"s":"\u{1F600}","o":{"x":5}}',
      '{"l":null,"s":"\uFFFD","d":-2.5}',
    ]);
    expect(stats).toContain('"l":-9223372036854775808');
    expect(stats).toContain('"l":9007199254740993');
    const { numRecords, minValues, maxValues, nullCount } = JSON.parse(stats);
    expect(numRecords).toBe(3);
    // by UTF-8 bytes, U+1F600 is above U+FFFD; UTF-16 units would say otherwise
    expect(minValues).toMatchObject({ d: -2.5, s: 'ž', o: { x: 1, z: 'a' }, _source_offset: 0 });
    expect(maxValues).toMatchObject({ d: 1e300, s: '\u{1F600}', o: { x: 5, z: 'a' }, _source_offset: 2 });
    expect(nullCount).toMatchObject({ l: 1, d: 0, s: 0, b: 2, o: { x: 1, z: 2 }, a: 2, _source_timestamp: 0 });
    for (const bounds of [minValues, maxValues]) for (const name of ['a', 'b']) expect(bounds).not.toHaveProperty(name);
  });

  test('a zero has no sign, all-null columns have no bounds', () => {
    const { minValues, maxValues, nullCount } = JSON.parse(statsOf(['{"d":-0.0,"n":null}', '{"d":0.0}', '{"n":null}']));
    expect([JSON.stringify(minValues.d), JSON.stringify(maxValues.d)]).toEqual(['0', '0']);
    const { schema } = build(batchOf([objectOf(['{"n":1}'])]));
    const later = JSON.parse(statsOf(['{}'], { schema }));
    expect(later.minValues).not.toHaveProperty('n');
    expect(later.nullCount.n).toBe(1);
    expect(nullCount.d).toBe(1);
  });

  test('timestamps in ms, dates as dates, partition columns not at all', () => {
    const lines = [rawLine(0, '{"p":"a","v":1}', 1_767_225_600_123), rawLine(1, '{"p":"a","v":2}', null)].join('');
    const { output } = build(batchOf([rawObject(lines)], { partitionKeys: ['p'] }));
    const { minValues, maxValues, nullCount } = JSON.parse(output.files[0]?.stats as string);
    expect([minValues._source_timestamp, maxValues._source_timestamp, nullCount._source_timestamp]).toEqual([
      '2026-01-01T00:00:00.123Z',
      '2026-01-01T00:00:00.123Z',
      1,
    ]);
    for (const part of [minValues, maxValues, nullCount]) expect(part).not.toHaveProperty('p');
  });

  test('timestamps no calendar shows have no bounds', () => {
    const { output } = build(batchOf([rawObject(rawLine(0, '{"v":1}', 9_000_000_000_000_000))]));
    const { maxValues, nullCount } = JSON.parse(output.files[0]?.stats as string);
    expect(maxValues).not.toHaveProperty('_source_timestamp');
    expect(nullCount._source_timestamp).toBe(0);
  });

  test('only the first 32 leaves, members of structs counted', () => {
    const value = `{"s":{"a":1,"b":2},"l":[1],${Array.from({ length: 40 }, (_, i) => `"c${i}":${i}`).join(',')}}`;
    const { nullCount, minValues } = JSON.parse(statsOf([value]));
    expect(Object.keys(nullCount)).toEqual(['s', 'l', ...Array.from({ length: 29 }, (_, i) => `c${i}`)]);
    expect(Object.keys(minValues)).toEqual(['s', ...Array.from({ length: 29 }, (_, i) => `c${i}`)]);
  });
});

describe('string bounds', () => {
  test.each<[string, string, string | undefined]>([
    ['short', 'short', 'short'],
    ['x'.repeat(32), 'x'.repeat(32), 'x'.repeat(32)],
    ['x'.repeat(33), 'x'.repeat(32), `${'x'.repeat(32)}\u007f`],
    [`${'x'.repeat(32)}é`, 'x'.repeat(32), `${'x'.repeat(32)}\u{10ffff}`],
    [`${'x'.repeat(31)}\u{1F600}y`, `${'x'.repeat(31)}\u{1F600}`, `${'x'.repeat(31)}\u{1F600}\u007f`],
    [`${'x'.repeat(32)}\u{10ffff}y`, 'x'.repeat(32), `${'x'.repeat(32)}\u{10ffff}\u007f`],
    [`${'x'.repeat(32)}${'\u{10ffff}'.repeat(40)}`, 'x'.repeat(32), undefined],
  ])('%#', (text, min, max) => {
    expect([truncateMin(text), truncateMax(text)]).toEqual([min, max]);
    const bytes = (value: string) => Buffer.from(value);
    expect(Buffer.compare(bytes(truncateMin(text)), bytes(text))).toBeLessThanOrEqual(0);
    if (max !== undefined) expect(Buffer.compare(bytes(max), bytes(text))).toBeGreaterThanOrEqual(0);
  });
});
