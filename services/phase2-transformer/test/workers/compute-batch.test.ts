import type { BlockDecision } from '@millrace/core/domain/dataset.ts';
import { describe, expect, test } from 'vitest';
import { nestingDepthMax } from '../../src/infer/limits.ts';
import { typeText } from '../../src/infer/type-text.ts';
import { computeBatch } from '../../src/workers/compute-batch.ts';
import {
  batchOf,
  build,
  dataColumns,
  encoder,
  firstTimestamp,
  noSchema,
  objectOf,
  rawLine,
  rawObject,
  settle,
  topicId,
} from '../support/batches.ts';
import { readRows } from '../support/duckdb.ts';

const source = `${topicId}/0`;
const reasons = (values: (string | null | Uint8Array)[], options = {}) =>
  build(batchOf([objectOf(values)], options)).output.quarantine.map(({ startOffset, reason }) => `${startOffset} ${reason}`);

describe('records become rows', () => {
  test('values, nested values and provenance are read back by another engine', async () => {
    const { output } = build(
      batchOf([
        objectOf([
          '{"id":9007199254740993,"s":"žluťoučký 𝄞","d":1.5,"b":true,"c":{"n":"x","z":null},"items":[{"sku":"a","qty":2},null,{"qty":3}],"m":[[1],[],null]}',
          '{"id":-9223372036854775808,"b":false,"items":[]}',
          new TextEncoder().encode('{"id":9223372036854775807}'),
          ' {\t"id" : 1e0 } '.replace('1e0', '7'),
        ]),
      ]),
    );
    expect(output.counts).toEqual([{ topicId, partition: 0, committed: 4, quarantined: {}, dropped: {} }]);
    const rows = await readRows(output.files);
    expect(rows[0]).toMatchObject({
      id: '9007199254740993',
      s: 'žluťoučký 𝄞',
      d: 1.5,
      b: true,
      c: { n: 'x' },
      items: [{ sku: 'a', qty: '2' }, null, { sku: null, qty: '3' }],
      m: [['1'], [], null],
      _source_topic: 't',
      _source_topic_id: topicId,
      _source_partition: 0,
      _source_offset: '0',
      _source_timestamp: '2026-01-01 23:59:59+00',
    });
    expect(rows.map((row) => row.id)).toEqual(['9007199254740993', '-9223372036854775808', '9223372036854775807', '7']);
    expect(rows[1]).toMatchObject({ s: null, d: null, b: false, c: null, items: [], m: null });
  });

  test('R3 only offsets in the asked range are taken, beyond 2^53 too', async () => {
    const first = 2n ** 53n;
    const lines = [0n, 1n, 2n, 5n].map((n) => rawLine(first + n, `{"n":${n}}`, 0)).join('');
    const object = { ...rawObject(lines), startOffset: first + 1n, endOffset: first + 5n };
    const { output } = build(batchOf([object]));
    expect(await readRows(output.files, 'n, _source_offset')).toEqual([
      { n: '1', _source_offset: '9007199254740993' },
      { n: '2', _source_offset: '9007199254740994' },
    ]);
    expect(output.files[0]?.sources).toEqual([{ topicId, partition: 0, minOffset: first + 1n, maxOffset: first + 2n, records: 2 }]);
  });

  test('tombstones are dropped by their rule and make no column', () => {
    const { output, schema } = build(batchOf([objectOf([null, '{"a":1}', null])]));
    expect(output.counts[0]).toMatchObject({ committed: 1, dropped: { tombstone: 2 } });
    expect(output.files.map((file) => file.numRecords)).toEqual([1]);
    expect(dataColumns(schema, typeText)).toEqual(['a long']);
  });

  test('an all-quarantined first batch still gives a table of our own columns', () => {
    const { output, schema } = build(batchOf([objectOf(['1', 'null'])]));
    expect(output.files).toEqual([]);
    expect(schema.columns.map(({ origin }) => origin)).toEqual(Array(5).fill('provenance'));
    expect(computeBatch(batchOf([]), encoder)).toMatchObject({ status: 'deviates' });
  });

  test('the last of duplicate members wins, and names of Object.prototype are ordinary', async () => {
    const values = ['{"a":"x","a":1,"__proto__":{"q":1},"toString":"t","hasOwnProperty":2}', '{"a":2}'];
    const { output, schema } = build(batchOf([objectOf(values)]));
    expect(dataColumns(schema, typeText)).toEqual(['a long', '__proto__ struct<q:long>', 'toString string', 'hasOwnProperty long']);
    const rows = await readRows(output.files, 'a, "toString" AS t, "hasOwnProperty" AS h, "__proto__".q AS q');
    expect(rows).toEqual([
      { a: '1', t: 't', h: '2', q: '1' },
      { a: '2', t: null, h: null, q: null },
    ]);
  });

  test('2,000 columns and ten levels work', async () => {
    const wide = (value: number) => `{${Array.from({ length: 2000 }, (_, i) => `"c${i}":${value + i}`).join(',')}}`;
    const deep = (value: number) => `${'{"o":'.repeat(9)}{"v":${value}}${'}'.repeat(9)}`;
    const { output } = build(batchOf([objectOf([wide(1), deep(5), wide(10)])]));
    expect(output.counts[0]?.committed).toBe(3);
    expect(await readRows(output.files, 'c0, c1999, o.o.o.o.o.o.o.o.o.v AS v')).toEqual([
      { c0: '1', c1999: '2000', v: null },
      { c0: null, c1999: null, v: '5' },
      { c0: '10', c1999: '2009', v: null },
    ]);
  });

  test('the deepest nesting that is allowed is read back', async () => {
    const lists = nestingDepthMax - 1;
    const { output } = build(batchOf([objectOf([`{"l":${'['.repeat(lists)}5${']'.repeat(lists)}}`])]));
    expect(JSON.stringify((await readRows(output.files, 'l'))[0]?.l)).toBe(`${'['.repeat(lists)}"5"${']'.repeat(lists)}`);
  });

  test('records that differ in shape and types of nulls keep their rows apart after a misfit', async () => {
    const good = '{"l":[{"a":"x","n":[1,2]}],"t":"longer text","b":true}';
    const bad = '{"l":[{"a":"y","n":[3]},{"a":"\\ud800"}],"t":"other","b":true}';
    const { output } = build(batchOf([objectOf([good, bad, '{}', bad, good, bad])]));
    const rows = await readRows(output.files, 'l, t, b');
    const full = { l: [{ a: 'x', n: ['1', '2'] }], t: 'longer text', b: true };
    expect(rows).toEqual([full, { l: null, t: null, b: null }, full]);
    expect(output.quarantine.map(({ startOffset }) => startOffset)).toEqual([1n, 3n, 5n]);
  });

  test('text members of any length, in and beyond ASCII, survive', async () => {
    const texts = ['', 'a', 'é'.repeat(39), 'x'.repeat(40), `${'x'.repeat(40)}é`, '𝄞'.repeat(5000), 'x'.repeat(100_000), '\u0000\u0001'];
    const { output } = build(batchOf([objectOf(texts.map((text) => JSON.stringify({ t: text })))]));
    expect((await readRows(output.files, 't')).map((row) => row.t)).toEqual(texts);
  });
});

describe('data errors are set aside', () => {
  test.each<[string, string | Uint8Array, string]>([
    ['JSON null', 'null', 'not_object'],
    ['an array', '[{"a":1}]', 'not_object'],
    ['a string', '"x"', 'not_object'],
    ['an empty value', new Uint8Array(), 'not_json'],
    ['binary', new Uint8Array([0xff, 0xfe, 0x00]), 'not_json'],
    ['invalid UTF-8 inside', Buffer.from('7b2261223a22ff227d', 'hex'), 'not_json'],
    ['a byte order mark', Buffer.from('\ufeff{"a":1}'), 'not_json'],
    ['half a text', new TextEncoder().encode('{"a":'), 'not_json'],
    ['two texts', new TextEncoder().encode('{} {}'), 'not_json'],
    ['an integer of 30 digits', '{"a":123456789012345678901234567890}', 'integer_out_of_range'],
    ['2^63', '{"x":{"y":[9223372036854775808]}}', 'integer_out_of_range'],
    ['1e400', '{"x":1e400}', 'fraction_out_of_range'],
    ['a lone surrogate', '{"a":1,"x":"\\udc00"}', 'lone_surrogate'],
    ['a lone surrogate in a name', '{"a":1,"\\ud800x":1}', 'lone_surrogate'],
    ['one level too many', `{"x":${'['.repeat(nestingDepthMax)}${']'.repeat(nestingDepthMax)}}`, 'nesting_too_deep'],
    ['depth 100,000', `{"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 'nesting_too_deep'],
    ['depth 100,000 with numbers to read exactly', `{"y":1.0,"x":${'{"x":'.repeat(100_000)}1${'}'.repeat(100_000)}}`, 'nesting_too_deep'],
    ['more members than a table has fields', `{${Array.from({ length: 10_001 }, (_, i) => `"m${i}":1`).join(',')}}`, 'too_many_fields'],
  ])('%s', (_, value, reason) => {
    expect(reasons([value, '{"a":1}'])).toEqual([`0 ${reason}`]);
    // with the table in place the fast way must find the same
    const { schema } = build(batchOf([objectOf(['{"a":1,"x":null}'])]));
    const again = settle(batchOf([objectOf(['{"a":2}', value])], { schema }));
    expect(again.output).toMatchObject({
      status: 'built',
      quarantine: [{ reason, startOffset: 1n, endOffset: 2n, startLine: 1, endLine: 2, records: 1 }],
    });
  });

  test('key fields must be there', () => {
    expect(
      reasons(['{"k":{"id":1}}', '{"k":{"id":null}}', '{"k":{}}', '{}', '{"k":{"id":[]}}', '{"k":{"id":0}}'], { pkFields: ['k.id'] }),
    ).toEqual(['1 key_missing']);
    expect(reasons(['{"k.id":""}', '{"k":1}'], { pkFields: ['k_x002E_id'] })).toEqual(['1 key_missing']);
  });

  test('runs join neighbours of one reason and never span a gap', () => {
    const lines = [rawLine(0, '1'), rawLine(1, '2'), rawLine(3, '3'), rawLine(4, '{"a":1}'), rawLine(5, '4')].join('');
    const { output } = build(batchOf([rawObject(lines)]));
    expect(
      output.quarantine.map(({ startOffset, endOffset, startLine, endLine, records }) => [
        startOffset,
        endOffset,
        startLine,
        endLine,
        records,
      ]),
    ).toEqual([
      [0n, 2n, 0, 2, 2],
      [3n, 4n, 2, 3, 1],
      [5n, 6n, 4, 5, 1],
    ]);
    expect(output.counts[0]?.quarantined).toEqual({ not_object: 4 });
  });
});

describe('R10 numbers', () => {
  test('R10 the text decides what is a fraction', () => {
    const typeOf = (value: string) => dataColumns(build(batchOf([objectOf([`{"n":${value}}`])])).schema, typeText)[0];
    for (const integer of ['0', '-0', '1', '-12', '9007199254740993', '-9223372036854775808'])
      expect([integer, typeOf(integer)]).toEqual([integer, 'n long']);
    for (const fraction of ['1.0', '1e2', '1E+2', '-0.0', '0.5', '1.5e1', '1e-2', '12345678901234567890.0', '1e300'])
      expect([fraction, typeOf(fraction)]).toEqual([fraction, 'n double']);
  });

  test('R10 a fraction in a long column is BREAKING wherever it stands', () => {
    const { schema } = build(batchOf([objectOf(['{"n":1,"l":[1],"o":{"n":1}}'])]));
    for (const value of ['{"n":1.0}', '{"n": 1e2 }', '{"l":[1,2.0]}', '{"o":{"n":3.00 }}', '{"n":0.5}', '{"n":-1E0}'])
      expect([value, settle(batchOf([objectOf([value])], { schema })).change.kind]).toEqual([value, 'BREAKING']);
    for (const value of ['{"n":1,"o":{"n":10}}', '{"n":-0}', '{"l":[9007199254740993]}'])
      expect([value, settle(batchOf([objectOf([value])], { schema })).output.status]).toEqual([value, 'built']);
  });

  test('R10 an integer in a double column fits if exact, else it is a data error', async () => {
    const { output } = build(
      batchOf([
        objectOf([
          '{"d":0.5}',
          '{"d":3}',
          '{"d":9007199254740992}',
          '{"d":9007199254740993}',
          '{"d":1e300}',
          '{"d":9223372036854775807}',
          '{"d":[]}'.replace('[]', '1.0'),
        ]),
      ]),
    );
    expect(output.quarantine.map(({ startOffset, reason }) => `${startOffset} ${reason}`)).toEqual([
      '3 integer_inexact',
      '5 integer_inexact',
    ]);
    expect((await readRows(output.files, 'd')).map((row) => row.d)).toEqual([0.5, 3, 9007199254740992, 1e300, 1]);
  });

  test('text that looks like numbers changes nothing', async () => {
    const { output } = build(batchOf([objectOf(['{"t":"x 1.0, 12345678901234567890, 1e5]","n":1}'])]));
    expect(await readRows(output.files, 't, n')).toEqual([{ t: 'x 1.0, 12345678901234567890, 1e5]', n: '1' }]);
  });
});

describe('R9 table partitions', () => {
  test('one file a partition, an empty string is null, and the columns stand in the files too', async () => {
    const keys = ['date', 'c.id', 'hour(_source_timestamp)', 'day(_source_timestamp)'];
    const values = [
      '{"date":"a b/ž","c":{"id":12345678901234567}}',
      '{"date":"","c":{"id":null}}',
      '{"c":{}}',
      '{"date":"a b/ž","c":{"id":12345678901234567}}',
    ];
    const lines = values.map((value, offset) => rawLine(offset, value, offset === 2 ? null : firstTimestamp + offset * 500)).join('');
    const { output } = build(batchOf([rawObject(lines)], { partitionKeys: keys }));
    expect(output.files.map(({ partitionValues, numRecords }) => [partitionValues, numRecords])).toEqual([
      [{ date: 'a b/ž', c_id: '12345678901234567', _source_timestamp_hour: '2026-01-01-23', _source_timestamp_day: '2026-01-01' }, 1],
      [{ date: null, c_id: null, _source_timestamp_hour: '2026-01-01-23', _source_timestamp_day: '2026-01-01' }, 1],
      [{ date: null, c_id: null, _source_timestamp_hour: null, _source_timestamp_day: null }, 1],
      [{ date: 'a b/ž', c_id: '12345678901234567', _source_timestamp_hour: '2026-01-02-00', _source_timestamp_day: '2026-01-02' }, 1],
    ]);
    const rows = await readRows(output.files, 'date, c, c_id, _source_timestamp_day AS day, _source_timestamp_hour AS hour');
    expect(rows[0]).toEqual({
      date: 'a b/ž',
      c: { id: '12345678901234567' },
      c_id: '12345678901234567',
      day: '2026-01-01',
      hour: '2026-01-01-23',
    });
    expect(rows[1]).toMatchObject({ date: null, c_id: null, hour: '2026-01-01-23' });
    expect(rows[2]).toMatchObject({ date: null, day: null, hour: null });
  });

  test('R9 a field undecided at creation is text, and numbers keep their own text', async () => {
    const { schema } = build(batchOf([objectOf(['{"p":null}'])], { partitionKeys: ['p'] }));
    const { output } = build(
      batchOf([objectOf(['{"p":1.50}', '{"p":-0}', '{"p":true}', '{"p":"x"}', '{"p":[]}', '{"p":1e2}', '{"p":12345678901234567}'])], {
        schema,
        partitionKeys: ['p'],
      }),
    );
    expect(output.files.map(({ partitionValues }) => partitionValues.p)).toEqual([
      '1.50',
      '-0',
      'true',
      'x',
      null,
      '1e2',
      '12345678901234567',
    ]);
    expect((await readRows(output.files, 'p')).map((row) => row.p)).toEqual(['1.50', '-0', 'true', 'x', null, '1e2', '12345678901234567']);
  });

  test('partitions by numbers, booleans and provenance have Delta texts', () => {
    const { output } = build(
      batchOf([objectOf(['{"n":-5,"d":1.5,"b":false}'])], { partitionKeys: ['n', 'd', 'b', '_source_partition', '_source_timestamp'] }),
    );
    expect(output.files[0]?.partitionValues).toEqual({
      n: '-5',
      d: '1.5',
      b: 'false',
      _source_partition: '0',
      _source_timestamp: '2026-01-01T23:59:59.000000Z',
    });
  });

  test('runaway partition keys stop at the record that was one too many', () => {
    const { output } = settle(
      batchOf([objectOf(['{"p":"a"}', '{"p":"b"}', '1', '{"p":"a"}', '{"p":"c"}'])], {
        partitionKeys: ['p'],
        tablePartitionsPerCommitMax: 2,
      }),
    );
    expect(output).toEqual({ status: 'too_many_table_partitions', max: 2, first: { topicId, partition: 0, offset: 4n, ordinal: 0 } });
  });

  test('files are closed at their target size', async () => {
    const { output } = build(batchOf([objectOf(Array.from({ length: 10 }, (_, i) => `{"i":${i}}`))], { targetFileBytes: 30 }));
    expect(output.files.map((file) => file.numRecords)).toEqual([5, 5]);
    expect((await readRows(output.files, 'i')).map((row) => row.i)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  });
});

describe('R7 decisions', () => {
  const decision = (path: string, types: string[], startOffset: bigint, endOffset: bigint): BlockDecision => ({
    id: '1',
    breaking: 'quarantine',
    changes: [{ path, types }],
    ranges: { [source]: { startOffset: String(startOffset), endOffset: String(endOffset) } },
    decidedAt: '2026-01-01T00:00:00.000Z',
  });

  test('R7 inside the range misfits are set aside, beyond it they block again', () => {
    const { schema } = build(batchOf([objectOf(['{"a":1,"o":{"x":[1]}}'])]));
    const values = ['{"a":"x"}', '{"a":5}', '{"a":"y"}', '{"a":"z"}'];
    const inside = settle(batchOf([objectOf(values)], { schema, decisions: [decision('a', ['string'], 0n, 4n)] }));
    expect(inside.output).toMatchObject({
      status: 'built',
      quarantine: [
        { startOffset: 0n, records: 1, reason: 'type_mismatch' },
        { startOffset: 2n, records: 2 },
      ],
    });
    const beyond = settle(batchOf([objectOf(values)], { schema, decisions: [decision('a', ['string'], 0n, 3n)] }));
    expect([beyond.change.kind, beyond.change.diff[0]?.firstOffset?.offset]).toEqual(['BREAKING', 3n]);
  });

  test('R7 another path or another type is not covered', () => {
    const { schema } = build(batchOf([objectOf(['{"a":1,"o":{"x":[1]}}'])]));
    const decisions = [decision('o.x.[]', ['string'], 0n, 9n)];
    expect(settle(batchOf([objectOf(['{"o":{"x":[1,"t"]}}'])], { schema, decisions })).output).toMatchObject({
      status: 'built',
      quarantine: [{ records: 1 }],
    });
    expect(settle(batchOf([objectOf(['{"o":{"x":[true]}}'])], { schema, decisions })).change.kind).toBe('BREAKING');
    expect(settle(batchOf([objectOf(['{"a":"t"}'])], { schema, decisions })).change.kind).toBe('BREAKING');
  });

  test('R7 without a table the type at the lowest offset stands', () => {
    const values = ['{"a":"x"}', '{"a":1}', '{"a":"y"}'];
    const blocked = settle(batchOf([objectOf(values)]));
    expect([blocked.change.kind, blocked.change.diff[0]?.from, blocked.change.diff[0]?.to]).toEqual(['BREAKING', 'string', 'long']);
    const decisions = [decision('a', blocked.change.diff[0]?.types ?? [], 1n, 3n)];
    const { output, schema } = build(batchOf([objectOf(values)], { decisions }));
    expect(dataColumns(schema, typeText)).toEqual(['a string']);
    expect(output.quarantine).toMatchObject([{ startOffset: 1n, endOffset: 2n, reason: 'type_mismatch' }]);
  });
});

describe('a raw object that is not what was written', () => {
  const object = objectOf(['{"a":1}']);
  test.each([
    ['another hash', { ...object, sha256: '0'.repeat(64) }],
    ['another size', { ...object, linesBytes: object.linesBytes + 1 }],
    ['more lines than said', { ...object, linesBytes: object.linesBytes - 1 }],
    ['no lines', rawObject('hello\n')],
    ['a cut line', rawObject('{"offset":0,"timestamp":1,"key":null,"value":{}')],
    ['a line without a value', rawObject('{"offset":0,"timestamp":1,"key":null}\n')],
  ])('%s is corrupt, and named', (_, broken) => {
    expect(computeBatch(batchOf([broken]), encoder)).toMatchObject({ status: 'corrupt', rawObjectKey: broken.rawObjectKey });
  });
});

test('a key or header that looks like a value does not mislead', async () => {
  const line =
    '{"offset":0,"timestamp":1,"key":"\\"value\\":{}","headers":[["value","x"],["valueBase64",{"base64":"AA=="}]],"value":{"a":1,"tombstone":true}}\n';
  const { output } = build(batchOf([rawObject(line)], { schema: noSchema }));
  expect(await readRows(output.files, 'a, tombstone')).toEqual([{ a: '1', tombstone: true }]);
});
