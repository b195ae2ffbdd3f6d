import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { type JsonVerdict, judgeJson } from '../../src/lines/json-validator.ts';
import { buildValidator } from './build-validator.ts';

/* compiling, 50 MB values and a Python process take their time on a busy machine */
vi.setConfig({ testTimeout: 120_000 });

const bytes = (text: string) => Buffer.from(text, 'utf8');

/** Is a valid JSON text deeper than 200, or than jq 1.6 can read it inside a line (an object takes two of its 256 places, an array one)? */
function isTooDeep(text: string): boolean {
  const open: number[] = [];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (token === '[' || token === '{') {
      const taken = open.reduce((sum, places) => sum + places, 2);
      if (open.length === 200 || taken >= 256) return true;
      open.push(token === '{' ? 2 : 1);
    } else if (token === ']' || token === '}') open.pop();
  }
  return false;
}

/** Does a valid JSON text escape one half of a surrogate pair alone? */
function hasLoneSurrogate(text: string): boolean {
  const halves = text.replace(/\\(u[0-9a-fA-F]{4}|[^u])/g, (_, written: string) => {
    const unit = written[0] === 'u' ? Number.parseInt(written.slice(1), 16) : 0;
    return unit >= 0xd800 && unit < 0xdc00 ? '\u0001' : unit >= 0xdc00 && unit < 0xe000 ? '\u0002' : '.';
  });
  return /[\u0001\u0002]/.test(halves.replaceAll('\u0001\u0002', ''));
}

/** The same judgement by the platform's decoder and parser. */
function reference(value: Uint8Array): JsonVerdict {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value);
    JSON.parse(text);
  } catch {
    return 'notJson';
  }
  if (isTooDeep(text)) return 'tooDeep';
  if (hasLoneSurrogate(text)) return 'loneSurrogate';
  return /[\r\n]/.test(text) ? 'lineBreak' : 'embeddable';
}

const texts = 600;
const mutationsPerText = 30;

/** Whole numbers in [0, below), the same for the same seed. */
function pseudoRandom(seed: number): (below: number) => number {
  let state = seed % 2_147_483_646;
  return (below) => {
    state = ((state + 1) * 48_271) % 2_147_483_647;
    return state % below;
  };
}

describe('judging JSON without parsing it', () => {
  test('the committed module is what its source compiles to', async () => {
    const committed = await readFile(new URL('../../src/lines/json-validator.wasm', import.meta.url));
    expect(Buffer.compare(committed, await buildValidator()), 'run: node services/phase1-dumper/test/lines/build-validator.ts').toBe(0);
  });

  test.each([
    '{}',
    '[]',
    '0',
    '-0',
    '1.5e-7',
    '"x"',
    '""',
    'null',
    'true',
    'false',
    ' {"a" : [ 1 , 2 ] }\t',
    '{"":{"":[]}}',
    '"\\ud83d\\uDE00"',
    '"\\\\ud800"',
    '"\u2028"',
    '"\ufeff"',
    '1e400',
    '9'.repeat(400),
    '"\u007f"',
  ])('%j may stand in a line', (text) => {
    expect(judgeJson(bytes(text))).toBe('embeddable');
  });

  test.each([
    '',
    ' ',
    '\ufeff{}',
    '{',
    '}',
    '[1,]',
    '{"a":1,}',
    '{,}',
    '{"a"}',
    '{"a":}',
    '[,]',
    '01',
    '1.',
    '.5',
    '+1',
    '-',
    '1e',
    '1e+',
    '--1',
    'nul',
    'nulll',
    'True',
    '"',
    '"\\',
    '"\\x"',
    '"\\u12"',
    '"a\tb"',
    '"a\u0000b"',
    '\u0000',
    '{}\u0000',
    '{}{}',
    '1 2',
    '[1 2]',
    '{"a" 1}',
    '{1:1}',
    '{"a":1]',
    '["a":1]',
    '\u00a0{}',
    '{}x',
    "'a'",
    '"a\nb"',
  ])('%j is not JSON', (text) => {
    expect(judgeJson(bytes(text))).toBe('notJson');
    expect(reference(bytes(text))).toBe('notJson');
  });

  test.each([
    'ff',
    'c080',
    'c1bf',
    'e08080',
    'e09fbf',
    'eda080',
    'edbfbf',
    'f0808080',
    'f08fbfbf',
    'f4908080',
    'f5808080',
    '80',
    'c3',
    'e282',
    'f09f98',
    'c328',
    'e28228',
    'f09f9828',
  ])('UTF-8 %s is refused anywhere in a string', (hex) => {
    for (let before = 0; before < 18; before++)
      expect(judgeJson(Buffer.concat([bytes(`"${'x'.repeat(before)}`), Buffer.from(hex, 'hex'), bytes('"')]))).toBe('notJson');
  });

  test.each(['\u0080', '\u07ff', '\u0800', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'])(
    'UTF-8 of %j is accepted anywhere in a string',
    (text) => {
      for (let before = 0; before < 18; before++) expect(judgeJson(bytes(`"${'x'.repeat(before)}${text}${text}y"`))).toBe('embeddable');
    },
  );

  const nested = (arrays: number, objects: number) =>
    bytes(`${'['.repeat(arrays)}${'{"a":'.repeat(objects)}1${'}'.repeat(objects)}${']'.repeat(arrays)}`);

  test.each([
    [200, 0, 'embeddable'],
    [201, 0, 'tooDeep'],
    [0, 127, 'embeddable'],
    [0, 128, 'tooDeep'],
    [146, 54, 'embeddable'],
    [145, 55, 'embeddable'],
    [144, 56, 'tooDeep'],
    [146, 55, 'tooDeep'],
    [100_000, 0, 'tooDeep'],
    [0, 100_000, 'tooDeep'],
  ])('%d arrays around %d objects are %s', (arrays, objects, verdict) => {
    expect(judgeJson(nested(arrays, objects))).toBe(verdict);
    if (arrays + objects < 1_000) expect(reference(nested(arrays, objects))).toBe(verdict);
  });

  test('what was closed does not count as depth', () => {
    expect(judgeJson(bytes(`[${'[[]],{"a":{}},'.repeat(1000)}1]`))).toBe('embeddable');
    expect(judgeJson(bytes(`${'['.repeat(200)}${']'.repeat(200)}`))).toBe('embeddable');
  });

  test('line breaks between tokens are told apart', () => {
    for (const text of ['{\n}', '\n1', '1\n', '[1\r\n,2]', '{"a"\n:1}', '{"a":\r1}', '{"a":1,\n"b":2}'])
      expect(judgeJson(bytes(text))).toBe('lineBreak');
    expect(judgeJson(bytes('["\\n\\r"]'))).toBe('embeddable');
  });

  test.each([
    '"\\ud800"',
    '"\\uDC00"',
    '"\\uD800x"',
    '"\\ud800\\u0041"',
    '"\\ud800\\ud800\\udc00"',
    '"\\ud800\\n\\udc00"',
    '"\\udbff\\\\udfff"',
    '{"\\udfff":1}',
    '["\\ud83d\\ude00",\n"\\ude00"]',
  ])('%j escapes half of a surrogate pair alone', (text) => {
    expect(judgeJson(bytes(text))).toBe('loneSurrogate');
    expect(reference(bytes(text))).toBe('loneSurrogate');
    expect(judgeJson(bytes('"\\ud83d\\ude00"'))).toBe('embeddable');
  });

  test('what an earlier, longer value left behind does not matter', () => {
    judgeJson(bytes(`"${'x'.repeat(100)}" }]}]"""`));
    for (const text of ['"x', '[1', '{"a":1', 'tru', '-', '"\\u00', '1e']) expect(judgeJson(bytes(text))).toBe('notJson');
  });

  test('a value of 50 MB, and small ones after it', () => {
    const huge = Buffer.alloc(50 * 2 ** 20, 'x');
    huge[0] = 0x22;
    huge[huge.length - 1] = 0x22;
    expect(judgeJson(huge)).toBe('embeddable');
    huge[huge.length - 1] = 0x78;
    expect(judgeJson(huge)).toBe('notJson');
    expect(judgeJson(bytes('{}'))).toBe('embeddable');
  });

  test('mutated JSON texts are judged as TextDecoder and JSON.parse judge them', () => {
    const text = fc.oneof(
      fc.json({ maxDepth: 6 }),
      fc.jsonValue({ stringUnit: 'binary' }).map((value) => JSON.stringify(value, null, 2)),
      fc.jsonValue({ stringUnit: 'grapheme' }).map((value) => JSON.stringify({ 'a"\\\u0001é漢😀': value })),
      fc.double().map((value) => `[${value},${-value}]`),
      fc.constantFrom(
        '{"a":"\\u00e9\\ud83d\\ude00\\n"}',
        '[-0.0E+12,1e-5,true,false,null]',
        ' [ ] ',
        `{"k":"${'é'.repeat(20)}"}`,
        '"\\ud800\\udc00\\ud8ff\\udcff\\\\udc00"',
        '{"\\ud800\\udc00":"\\udbff\\udfff\\uabcd"}',
      ),
    );
    const telling = bytes('{}[]",:\\ \t\n\r-+.0123456789eEutrfalsn/bx\0\x80\xc3\xe2\xed\xf0\xff');
    let valid = 0;
    let judged = 0;
    fc.assert(
      fc.property(text, fc.nat(), (json, seed) => {
        const next = pseudoRandom(seed);
        for (let i = 0; i < mutationsPerText; i++) {
          const value = [...bytes(json)];
          for (let n = next(4); n > 0; n--) {
            const place = next(value.length + 1);
            const byte = next(2) === 0 ? next(256) : (telling[next(telling.length)] as number);
            const how = next(4);
            if (how === 0) value.splice(place, 1, byte);
            else if (how === 1) value.splice(place, 0, byte);
            else if (how === 2) value.splice(place, 1);
            else value.length = place;
          }
          const verdict = judgeJson(Uint8Array.from(value));
          judged++;
          if (verdict !== 'notJson') valid++;
          if (verdict !== reference(Uint8Array.from(value)))
            expect([Buffer.from(value).toString('hex'), verdict]).toEqual([
              Buffer.from(value).toString('hex'),
              reference(Uint8Array.from(value)),
            ]);
        }
      }),
      { numRuns: texts },
    );
    expect(valid).toBeGreaterThan(judged / 20);
    expect(valid).toBeLessThan(judged);
  });
});
