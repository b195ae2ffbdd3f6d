import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseExact, withPrefixedNames } from '../../src/decode/exact-json.ts';
import { JsonNumber, type JsonValue } from '../../src/decode/json-value.ts';
import { mayHideFraction } from '../../src/decode/number-scan.ts';

const number = fc.oneof(
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.constantFrom(
    '0',
    '-0',
    '1.0',
    '-1.50',
    '1e2',
    '1E+5',
    '12.5e-3',
    '1e400',
    '999999999999999.0000000000000001',
    '123456789012345',
    '1234567890123456',
    '0.1',
    '0.30000000000000004',
    '0.99999999999999999',
    '1.00000000000000000001',
    '99999999.9999999999',
    '12345678.000000001',
    '-1234567.9999999999',
    '100.0',
  ),
  fc.integer().map(String),
);
const trickyText = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom(': 12345678901234567,', '[1.0]', '\\', '\\"', '": 1e5}', '\u00001', '\u2028', 'a, 1.0 ,'),
);
/** JSON text with white space, numbers of every form, and strings that look like JSON. */
const jsonText = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    number,
    trickyText.map((text) => JSON.stringify(text)),
    fc.constantFrom('null', 'true', '[]', '{}'),
    fc.array(tie('value'), { maxLength: 4 }).map((list) => `[${list.join(' , ')}]`),
    fc
      .array(fc.tuple(trickyText, tie('value')), { maxLength: 4 })
      .map((list) => `{${list.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',\n')}}`),
  ),
})).value;

/** Numbers that are no safe integers show themselves; which large one it is does not matter then. */
function large(_name: string, value: { integer?: string; double?: number | null } | null): unknown {
  const n = Number(value?.integer ?? value?.double ?? 0);
  return Number.isSafeInteger(n) || (Number.isFinite(n) && !Number.isInteger(n)) ? value : 'large';
}

/** What a number is, by the engine's own access to its text. */
function reference(text: string): unknown {
  return JSON.parse(text, ((_name: string, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' ? meaning(context?.source as string) : value) as (this: unknown, name: string, value: unknown) => unknown);
}
const meaning = (source: string) => (/[.eE]/.test(source) ? { double: Number(source) } : { integer: String(BigInt(source)) });

function meant(value: JsonValue): unknown {
  if (value instanceof JsonNumber) return meaning(value.source);
  if (typeof value === 'number') return Number.isInteger(value) ? { integer: String(value) } : { double: value };
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(meant);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, meant(member)]));
}

describe('exact parsing', () => {
  test('every number keeps its meaning, and nothing else changes', () => {
    fc.assert(
      fc.property(jsonText, fc.boolean(), (text, keepsText) => {
        expect(meant(parseExact(`{"a":${text}}`, keepsText))).toEqual(reference(`{"a":${text}}`));
      }),
      { numRuns: 2000 },
    );
  });

  test('kept texts are the very texts', () => {
    fc.assert(
      fc.property(number, (source) => {
        const { n } = parseExact(`{"n": ${source} }`, true) as { n: JsonValue };
        expect(n instanceof JsonNumber ? n.source : String(n)).toBe(source);
      }),
    );
  });

  test('what a plain parse takes for an integer is one, unless the text is announced', () => {
    fc.assert(
      fc.property(jsonText, (text) => {
        const record = `{"a":${text}}`;
        const bytes = Buffer.from(record);
        if (mayHideFraction(bytes, 0, bytes.length)) return;
        const blurred = JSON.stringify(meant(JSON.parse(record)), large);
        const exact = JSON.stringify(reference(record), large);
        expect(blurred).toBe(exact);
      }),
      { numRuns: 2000 },
    );
  });

  test.each(['{"a":01.5}', '{"a":1, 1.5 :2}', '{"a":1 1.5}', '{"a":-}', '{"a":1.5.5}', '{"a":1e400', '{"a":"1.0,}', '{"a":00}', '{1.5:2}'])(
    '%s stays an error',
    (text) => {
      expect(() => parseExact(text, true)).toThrow(SyntaxError);
    },
  );

  test.each([
    ['{"a":1.5,"b":"3e5","c":"1.0","d":0.30000000000000004,"u":"3e5f-1e5-","v":52.12345678}', false],
    ['{"a":1.0}', true],
    ['{"a":[1.00 ]}', true],
    ['{"a":1e2}', true],
    ['{"a":1.5E+1 }', true],
    ['{"a":0.99999999}', true],
    ['{"a":12345678.5}', true],
  ])('%s is announced only when it must be', (text, announced) => {
    const bytes = Buffer.from(text);
    expect(mayHideFraction(bytes, 0, bytes.length)).toBe(announced);
  });

  test('names keep their order behind a prefix', () => {
    const text = '{"b":{"2":1,"1":"x\\":5"},"7" : [ {"0":1} ],"":"\\\\"}';
    expect(withPrefixedNames('{"b":1}', 'k')).toBeUndefined();
    const parsed = JSON.parse(withPrefixedNames(text, 'k') as string);
    expect(Object.keys(parsed)).toEqual(['kb', 'k7', 'k']);
    expect(Object.entries(parsed.kb)).toEqual([
      ['k2', 1],
      ['k1', 'x":5'],
    ]);
  });
});
