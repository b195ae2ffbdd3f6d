import { expect, test } from 'vitest';
import { itemsOf, type RecordBatch } from '../../src/verify/kafka-batches.ts';
import { recordsOf } from '../../src/verify/raw-records.ts';
import { recordHash } from '../../src/verify/record-hash.ts';

const control = 1 << 5;
const transactional = 1 << 4;

function batch(firstOffset: bigint, count: number, producerId = -1n, attributes = 0): RecordBatch {
  const records = Array.from({ length: count }, (_, offsetDelta) => ({
    offsetDelta,
    timestampDelta: 0n,
    key: null,
    value: Buffer.from('v'),
    headers: [],
  }));
  return { firstOffset, lastOffsetDelta: count - 1, attributes, firstTimestamp: 5n, maxTimestamp: 9n, producerId, records };
}
const marker = (offset: bigint, producerId: bigint, type: 0 | 1): RecordBatch => ({
  ...batch(offset, 1, producerId, control | transactional),
  records: [{ offsetDelta: 0, timestampDelta: 0n, key: Buffer.from([0, 0, 0, type]), value: Buffer.alloc(6), headers: [] }],
});
const kinds = (batches: RecordBatch[], aborted: { producerId: bigint; firstOffset: bigint }[]) =>
  [...itemsOf(batches, aborted)].map(({ offset, kind }) => `${offset}${kind[0]}`);

test('records of an aborted transaction are told apart until its marker, interleaved with others', () => {
  const log = [
    batch(0n, 2),
    batch(2n, 2, 7n, transactional),
    batch(4n, 1, 8n, transactional),
    marker(5n, 7n, 0),
    batch(6n, 1, 7n, transactional),
    marker(7n, 8n, 1),
    marker(8n, 7n, 1),
  ];
  expect(kinds(log, [{ producerId: 7n, firstOffset: 2n }])).toEqual(['0r', '1r', '2a', '3a', '4r', '5c', '6r', '7c', '8c']);
});

test('one producer that aborts twice in one answer', () => {
  const log = [
    batch(0n, 1, 7n, transactional),
    marker(1n, 7n, 0),
    batch(2n, 1, 7n, transactional),
    marker(3n, 7n, 1),
    batch(4n, 1, 7n, transactional),
    marker(5n, 7n, 0),
  ];
  const aborted = [4n, 0n].map((firstOffset) => ({ producerId: 7n, firstOffset }));
  expect(kinds(log, aborted)).toEqual(['0a', '1c', '2r', '3c', '4a', '5c']);
});

test('holes inside a batch keep their offsets; with log append time the batch has one timestamp', () => {
  const holed = {
    ...batch(10n, 1),
    lastOffsetDelta: 4,
    records: [0, 3].map((offsetDelta) => ({ offsetDelta, timestampDelta: 2n, key: null, value: null, headers: [] })),
  };
  const [first] = [...itemsOf([holed], [])];
  expect(kinds([holed], [])).toEqual(['10r', '13r']);
  expect(first?.hash).toBe(recordHash({ key: null, value: null, headers: [], timestamp: 7 }));
  expect([...itemsOf([{ ...holed, attributes: 1 << 3 }], [])][0]?.hash).toBe(
    recordHash({ key: null, value: null, headers: [], timestamp: 9 }),
  );
});

test('raw lines give back the bytes of key, headers and value', () => {
  const lines = [
    '{"offset":9007199254740993,"timestamp":1,"key":"a\\"value\\":1","headers":[["n","\\"value\\":"],["n",null],["b",{"base64":"/w=="}]],"value":{"value":1e400 }}',
    '{"offset":9007199254740994,"timestamp":null,"keyBase64":"/w==","valueBase64":"ewo="}',
    '{"offset":9007199254740995,"timestamp":1,"key":null,"tombstone":true}',
    '{"offset":9007199254740996,"timestamp":1,"key":"","value":null}',
  ];
  const text = (content: Uint8Array | null) => (content === null ? null : Buffer.from(content).toString('latin1'));
  const seen = [...recordsOf(Buffer.from(`${lines.join('\n')}\n`))].map((r) => [
    r.offset,
    r.timestamp,
    text(r.key),
    r.headers.map(([name, value]) => [name, text(value)]),
    text(r.value),
  ]);
  expect(seen).toEqual([
    [
      9007199254740993n,
      1,
      'a"value":1',
      [
        ['n', '"value":'],
        ['n', null],
        ['b', '\xff'],
      ],
      '{"value":1e400 }',
    ],
    [9007199254740994n, null, '\xff', [], '{\n'],
    [9007199254740995n, 1, null, [], null],
    [9007199254740996n, 1, '', [], 'null'],
  ]);
});

test('records that differ in any part, or only in where one part ends, have other hashes', () => {
  const b = (text: string) => Buffer.from(text);
  const records = [
    { key: null, value: b('ab'), headers: [], timestamp: 1 },
    { key: b(''), value: b('ab'), headers: [], timestamp: 1 },
    { key: b('a'), value: b('b'), headers: [], timestamp: 1 },
    { key: b('ab'), value: b(''), headers: [], timestamp: 1 },
    { key: b('ab'), value: null, headers: [], timestamp: 1 },
    { key: null, value: b('ab'), headers: [], timestamp: null },
    { key: null, value: b('ab'), headers: [['h', b('x')]] as const, timestamp: 1 },
    { key: null, value: b('ab'), headers: [['hx', b('')]] as const, timestamp: 1 },
    {
      key: null,
      value: b('ab'),
      headers: [
        ['h', b('')],
        ['x', b('')],
      ] as const,
      timestamp: 1,
    },
  ];
  expect(new Set(records.map(recordHash)).size).toBe(records.length);
});
