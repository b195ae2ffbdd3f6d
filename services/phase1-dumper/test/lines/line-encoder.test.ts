import { decodeRawLines, RawLineCursor } from '@millrace/core/domain/raw-line.ts';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { type Header, LineEncoder } from '../../src/lines/line-encoder.ts';
import { nastyRecords } from './nasty.ts';

/* compiling, 50 MB values and a Python process take their time on a busy machine */
vi.setConfig({ testTimeout: 120_000 });

type Landed = { offset: bigint; timestamp: number | null; key: Uint8Array | null; headers: Header[]; value: Uint8Array | null };

const bytes = (text: string) => Buffer.from(text);
const hex = (part: Uint8Array | null) => (part === null ? null : Buffer.from(part).toString('hex'));

function encode(records: Landed[]): Uint8Array {
  const encoder = new LineEncoder();
  for (const { offset, timestamp, key, headers, value } of records) encoder.append(offset, timestamp, key, headers, value);
  return encoder.take();
}

/** What must come back: the same bytes. */
const plain = ({ offset, timestamp, key, headers, value }: Landed) => ({
  offset,
  timestamp,
  key: hex(key),
  headers: headers.map(([name, content]) => [
    Buffer.from(name as string).toString(),
    typeof content === 'string' ? hex(bytes(content)) : hex(content),
  ]),
  value: hex(value),
});

function expectRoundTrip(records: Landed[]): void {
  const lines = encode(records);
  const back = [...decodeRawLines(lines)];
  expect(back.map((record) => plain({ ...record, headers: record.headers }))).toEqual(records.map(plain));
  expect(back.map((record) => record.tombstone)).toEqual(records.map((record) => record.value === null));
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(lines);
  const all = text.split('\n');
  expect(all.pop()).toBe('');
  expect(all).toHaveLength(records.length);
  for (const line of all) {
    const members = Object.keys(JSON.parse(line) as object);
    expect(members.slice(0, 2)).toEqual(['offset', 'timestamp']);
    expect(line).not.toContain('\r');
  }
}

const record = (value: Uint8Array | null, more: Partial<Landed> = {}): Landed => ({
  offset: 7n,
  timestamp: 1_700_000_000_000,
  key: bytes('k'),
  headers: [],
  value,
  ...more,
});

describe('raw lines', () => {
  test('a line is exactly as documented', () => {
    expect(
      Buffer.from(
        encode([
          record(bytes('{"id":9007199254740993,"p":1.0}'), {
            headers: [
              ['a', bytes('1')],
              ['a', null],
              ['b', Uint8Array.of(0xff)],
            ],
          }),
        ]),
      ).toString(),
    ).toBe(
      '{"offset":7,"timestamp":1700000000000,"key":"k","headers":[["a","1"],["a",null],["b",{"base64":"/w=="}]],"value":{"id":9007199254740993,"p":1.0}}\n',
    );
  });

  test.each<[string, Landed, string]>([
    ['no key, no timestamp', record(bytes('1'), { key: null, timestamp: null }), '{"offset":7,"timestamp":null,"key":null,"value":1}\n'],
    ["Kafka's −1", record(bytes('1'), { timestamp: -1 }), '{"offset":7,"timestamp":null,"key":"k","value":1}\n'],
    ['a tombstone', record(null), '{"offset":7,"timestamp":1700000000000,"key":"k","tombstone":true}\n'],
    ['JSON null', record(bytes('null')), '{"offset":7,"timestamp":1700000000000,"key":"k","value":null}\n'],
    ['an empty value', record(bytes('')), '{"offset":7,"timestamp":1700000000000,"key":"k","valueBase64":""}\n'],
    ['not JSON', record(bytes('a')), '{"offset":7,"timestamp":1700000000000,"key":"k","valueBase64":"YQ=="}\n'],
    ['JSON over two lines', record(bytes('{\n}')), '{"offset":7,"timestamp":1700000000000,"key":"k","valueBase64":"ewp9"}\n'],
    [
      'a binary key',
      record(bytes('1'), { key: Uint8Array.of(0xc3, 0x28) }),
      '{"offset":7,"timestamp":1700000000000,"keyBase64":"wyg=","value":1}\n',
    ],
    [
      'an escaped key',
      record(bytes('1'), { key: bytes('"\\\n\u0000\u007fé') }),
      '{"offset":7,"timestamp":1700000000000,"key":"\\"\\\\\\u000a\\u0000\u007fé","value":1}\n',
    ],
    [
      'beyond 2^53',
      record(bytes('1'), { offset: 9_223_372_036_854_775_807n }),
      '{"offset":9223372036854775807,"timestamp":1700000000000,"key":"k","value":1}\n',
    ],
  ])('%s', (_name, given, line) => {
    expect(Buffer.from(encode([given])).toString()).toBe(line);
  });

  test('every nasty record comes back byte for byte', () => {
    const records = nastyRecords();
    expect(records.length).toBeGreaterThan(200);
    for (const one of records) expectRoundTrip([one]);
    expectRoundTrip(records);
  });

  test('whatever bytes come in come back', () => {
    const anyBytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.string({ unit: 'binary', maxLength: 20 }).map(bytes),
      fc.json().map(bytes),
      fc
        .constantFrom('"value":', ',"value":1}', '"valueBase64":"', '"tombstone":true}', '{"base64":"AA=="}', '\n', '\r\n', '"', '\\')
        .map(bytes),
    );
    const edges = [0n, 9n, 10n, 99_999_999n, 100_000_000n, 9_999_999_999_999_999n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n];
    const name = fc.oneof(fc.string(), fc.constantFrom('value', '"value":', '__proto__', '', 'a"'));
    const any: fc.Arbitrary<Landed> = fc.record({
      offset: fc.oneof(
        fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
        fc.maxSafeNat().map(BigInt),
        fc.nat().map(BigInt),
        fc.constantFrom(...edges),
      ),
      timestamp: fc.oneof(fc.constant(null), fc.maxSafeNat(), fc.nat(9), fc.constant(99_999_999)),
      key: fc.option(anyBytes),
      headers: fc.array(fc.tuple(name, fc.option(anyBytes)) as fc.Arbitrary<Header>, { maxLength: 4 }),
      value: fc.option(anyBytes),
    });
    fc.assert(fc.property(fc.array(any, { minLength: 1, maxLength: 5 }), expectRoundTrip), { numRuns: 400 });
  });

  test('values of 50 MB, as text and as base64, leave no large buffer behind them', () => {
    const text = Buffer.alloc(50 * 2 ** 20, 'x');
    text[0] = text[text.length - 1] = 0x22;
    const binary = Buffer.alloc(50 * 2 ** 20 + 1, 0xfe);
    const encoder = new LineEncoder();
    for (const value of [text, binary]) {
      encoder.append(1, 2, null, null, value);
      const lines = encoder.take();
      const [back] = [...decodeRawLines(lines)];
      expect(Buffer.compare(back?.value as Uint8Array, value)).toBe(0);
    }
    expect(encoder.bytes).toBe(0);
  });

  test('take hands over exactly what was appended, and its bytes stay the caller’s', () => {
    const encoder = new LineEncoder();
    encoder.append(1, 1, null, null, bytes('1'));
    const size = encoder.bytes;
    const first = encoder.take();
    expect(first.length).toBe(size);
    const copy = first.slice();
    encoder.append(2, 2, null, null, bytes('22222'));
    expect(first).toEqual(copy);
    expect([...decodeRawLines(encoder.take())].map((back) => back.offset)).toEqual([2n]);
    expect(encoder.take()).toEqual(new Uint8Array(0));
  });

  test('header names that are no UTF-8 get the replacement character, values do not suffer', () => {
    const lines = encode([
      record(bytes('1'), {
        headers: [
          [Uint8Array.of(0xff), bytes('x')],
          [bytes('fine'), 'text'],
          ['\ud800', 'y'],
        ],
      }),
    ]);
    expect([...decodeRawLines(lines)][0]?.headers.map(([name, value]) => [name, value?.toString()])).toEqual([
      ['\ufffd', 'x'],
      ['fine', 'text'],
      ['\ufffd', 'y'],
    ]);
  });

  test('the cursor gives line, offset, timestamp and the range of the value without parsing it', () => {
    const cursor = new RawLineCursor(
      encode([
        record(bytes(' {"value":"tombstone"} '), { key: bytes('","value":1,"') }),
        record(bytes('\ufeff1'), { timestamp: null, offset: 2n ** 60n }),
        record(null),
      ]),
    );
    expect(cursor.next()).toBe(true);
    expect([cursor.line, cursor.offsetNumber, cursor.timestamp, cursor.kind]).toEqual([0, 7, 1_700_000_000_000, 'value']);
    expect(cursor.lines.toString('utf8', cursor.valueStart, cursor.valueEnd)).toBe(' {"value":"tombstone"} ');
    expect(cursor.next()).toBe(true);
    expect([cursor.line, cursor.offset(), cursor.timestamp, cursor.kind]).toEqual([1, 2n ** 60n, Number.NaN, 'valueBase64']);
    expect(cursor.lines.toString('utf8', cursor.valueStart, cursor.valueEnd)).toBe('77u/MQ==');
    expect(cursor.next()).toBe(true);
    expect([cursor.kind, cursor.valueEnd - cursor.valueStart, cursor.value()]).toEqual(['tombstone', 0, null]);
    expect(cursor.next()).toBe(false);
  });
});
