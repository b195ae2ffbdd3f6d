import type { Column, ColumnType, TableSchema } from '@millrace/core/domain/table-schema.ts';
import { describe, expect, test } from 'vitest';
import { parseExact, withPrefixedNames } from '../../src/decode/exact-json.ts';
import type { JsonObject } from '../../src/decode/json-value.ts';
import { classifyChange } from '../../src/infer/classify-change.ts';
import type { Evidence } from '../../src/infer/evidence.ts';
import { emptyEvidence, mergeEvidence } from '../../src/infer/evidence-join.ts';
import { schemaFieldsMax } from '../../src/infer/limits.ts';
import { observe } from '../../src/infer/observe.ts';
import { typeText } from '../../src/infer/type-text.ts';
import { dataColumns, noSchema } from '../support/batches.ts';

function evidenceOf(values: readonly string[], partition = 0): Evidence {
  const evidence = emptyEvidence();
  values.forEach((text, offset) => {
    const prefixed = withPrefixedNames(text, 'k');
    const record = parseExact(prefixed ?? text, true) as JsonObject;
    observe(evidence, {
      record,
      namePrefix: prefixed === undefined ? 0 : 1,
      topicId: 'T',
      partition,
      offset: BigInt(offset),
      covered: undefined,
    });
  });
  return evidence;
}

function initial(values: readonly string[], keys: string[] = []): TableSchema {
  const change = classifyChange(noSchema, evidenceOf(values), keys);
  expect(change.kind).toBe('INITIAL');
  return change.newSchema;
}

const columns = (schema: TableSchema) => dataColumns(schema, typeText);

describe('what the first batch makes of a table', () => {
  test.each<[string, string[], string[]]>([
    ['scalars', ['{"b":true,"l":1,"d":1.5,"s":"x"}'], ['b boolean', 'l long', 'd double', 's string']],
    ['nothing at all', [], []],
    ['an empty record', ['{}'], []],
    ['long with double is double', ['{"n":1}', '{"n":1.5}'], ['n double']],
    ['double with long is double', ['{"n":1.5}', '{"n":1}'], ['n double']],
    ['null and then a type', ['{"n":null}', '{"n":"x"}'], ['n string']],
    ['structs are joined', ['{"s":{"a":1}}', '{"s":{"b":"x"}}', '{"s":{}}'], ['s struct<a:long,b:string>']],
    ['elements are joined', ['{"l":[]}', '{"l":[1,null]}', '{"l":[2.5]}'], ['l list<double>']],
    ['lists of structs', ['{"l":[{"a":1},{"b":"x"}]}'], ['l list<struct<a:long,b:string>>']],
    ['lists of lists', ['{"l":[[1],[]]}'], ['l list<list<long>>']],
    ['first appearance is the order', ['{"z":1}', '{"a":1,"z":2}'], ['z long', 'a long']],
    ['names like array indices keep their place', ['{"b":1,"7":2,"a":3,"1":4}'], ['b long', '7 long', 'a long', '1 long']],
    ['a field first seen as null comes where it appeared', ['{"n":null,"a":1}', '{"n":1}'], ['n long', 'a long']],
    [
      'names of Object.prototype',
      ['{"__proto__":1,"constructor":"x","toString":{"valueOf":true}}'],
      ['__proto__ long', 'constructor string', 'toString struct<valueOf:boolean>'],
    ],
    ['odd names', ['{"":1,"a b":2,"a\\u0000b":3,"_x0041_":4}'], ['_x_ long', 'a_x0020_b long', 'a_x0000_b long', '_x005F_x0041_ long']],
    ['names that differ by case', ['{"id":1,"ID":2,"Id":3}'], ['id long', '_x0049_D long', '_x0049__x0064_ long']],
    ['case inside a struct', ['{"s":{"id":1,"ID":2}}'], ['s struct<id:long,_x0049_D:long>']],
    [
      'names of ours',
      ['{"_source_offset":1,"_Source_Topic":"x","_source_system":1}'],
      ['_x005F_source_offset long', '_x005F_Source_Topic string', '_source_system long'],
    ],
  ])('%s', (_, values, expected) => {
    expect(columns(initial(values))).toEqual(expected);
  });

  test('provenance columns stand at the end and every node has an id of its own', () => {
    const schema = initial(['{"l":[{"a":[1]}]}']);
    expect(schema.columns.slice(-5).map(({ name, type, origin }) => `${name} ${type.kind} ${origin}`)).toEqual([
      '_source_topic string provenance',
      '_source_topic_id string provenance',
      '_source_partition integer provenance',
      '_source_offset long provenance',
      '_source_timestamp timestamp provenance',
    ]);
    const ids: number[] = [];
    const collectColumn = (column: Column): void => {
      ids.push(column.fieldId);
      collect(column.type);
    };
    const collect = (type: ColumnType): void => {
      if (type.kind === 'struct') for (const field of type.fields) collectColumn(field);
      if (type.kind !== 'list') return;
      ids.push(type.elementFieldId);
      collect(type.element);
    };
    schema.columns.forEach(collectColumn);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Math.max(...ids)).toBe(schema.maxFieldId);
  });

  test('order of first appearance is by partition and offset, whoever read first', () => {
    const merged = mergeEvidence(evidenceOf(['{"late":1}'], 2), evidenceOf(['{"early":1}'], 1));
    expect(columns(classifyChange(noSchema, merged, []).newSchema)).toEqual(['early long', 'late long']);
  });

  test.each<[string, string[], string, string, number, string[]]>([
    ['string after long', ['{"a":1}', '{"a":"x"}'], 'a', 'long → string', 1, ['long', 'string']],
    ['struct after string', ['{"a":"x"}', '{}', '{"a":{"b":1}}'], 'a', 'string → struct', 2, ['string', 'struct']],
    ['inside a list', ['{"a":[1,"x"]}'], 'a.[]', 'long → string', 0, ['long', 'string']],
    [
      'inside a struct of a list',
      ['{"a":[{"b.c":true}]}', '{"a":[{"b.c":1}]}'],
      'a.[].b_x002E_c',
      'boolean → long',
      1,
      ['boolean', 'long'],
    ],
    ['R11 a list seen empty, then text', ['{"a":[]}', '{"a":"x"}'], 'a', 'list → string', 1, ['emptyList', 'string']],
    ['R11 an empty object, then a list', ['{"a":{}}', '{"a":[]}'], 'a', 'struct → emptyList', 1, ['emptyObject', 'emptyList']],
  ])('BREAKING inside the first batch: %s', (_, values, path, change, offset, types) => {
    const { kind, diff, newSchema } = classifyChange(noSchema, evidenceOf(values), []);
    expect(kind).toBe('BREAKING');
    expect(newSchema).toBe(noSchema);
    expect(diff.map((d) => [d.path, `${d.from} → ${d.to}`, Number(d.firstOffset?.offset), [...d.types].sort()])).toEqual([
      [path, change, offset, [...types].sort()],
    ]);
  });
});

describe('what later batches change', () => {
  const base = ['{"a":1,"d":1.5,"s":{"x":"t"},"l":[{"y":1}],"u":null,"e":[],"o":{}}'];

  test.each<[string, string, string, string[]]>([
    ['the same', '{"a":2,"s":{"x":"t"}}', 'NONE', []],
    ['an optional field absent', '{}', 'NONE', []],
    ['nulls', '{"a":null,"s":null,"l":null,"u":null,"e":null}', 'NONE', []],
    ['empties of their own kind', '{"s":{},"l":[],"e":[],"o":{}}', 'NONE', []],
    ['an integer in a double', '{"d":3}', 'NONE', []],
    ['a new field', '{"n":"x"}', 'NON_BREAKING', ['n: null → string']],
    ['a new field in a struct', '{"s":{"n":1}}', 'NON_BREAKING', ['s.n: null → long']],
    ['a new field in a list of structs', '{"l":[{"n":{"m":1}}]}', 'NON_BREAKING', ['l.[].n: null → struct<m:long>']],
    ['an undecided null gets its type', '{"u":[1]}', 'NON_BREAKING', ['u: undecided → list<long>']],
    ['an undecided list gets its type', '{"e":["x"]}', 'NON_BREAKING', ['e: undecided → list<string>']],
    ['an undecided struct gets a member', '{"o":{"m":1}}', 'NON_BREAKING', ['o: undecided → struct<m:long>']],
    ['a new undecided field is remembered', '{"w":[]}', 'NON_BREAKING', ['w: null → undecided']],
    ['R10 a fraction in a long', '{"a":1.0}', 'BREAKING', ['a: long → double']],
    ['text in a long', '{"a":"1"}', 'BREAKING', ['a: long → string']],
    ['R11 an empty list in a long', '{"a":[]}', 'BREAKING', ['a: long → emptyList']],
    ['R11 text where a list was seen empty', '{"e":"x"}', 'BREAKING', ['e: emptyList → string']],
    ['R11 a list where an object was seen empty', '{"o":[1]}', 'BREAKING', ['o: emptyObject → list']],
    ['a scalar for a struct', '{"s":1}', 'BREAKING', ['s: struct<x:string> → long']],
    ['a struct for elements', '{"l":[1]}', 'BREAKING', ['l.[]: struct<y:long> → long']],
    ['text in an element', '{"l":[{"y":"x"}]}', 'BREAKING', ['l.[].y: long → string']],
  ])('%s', (_, value, kind, diff) => {
    const schema = initial(base);
    const change = classifyChange(schema, evidenceOf([value]), []);
    expect([change.kind, change.diff.map((d) => `${d.path}: ${d.from} → ${d.to}`)]).toEqual([kind, diff]);
    if (kind === 'NONE' || kind === 'BREAKING') expect(change.newSchema).toBe(schema);
  });

  test('new columns go before our own, ids are never used again, and old columns stay as they are', () => {
    const schema = initial(base, ['day(_source_timestamp)']);
    const { newSchema } = classifyChange(schema, evidenceOf(['{"n":1,"s":{"m":2}}']), ['day(_source_timestamp)']);
    expect(newSchema.columns.map((column) => column.name)).toEqual([
      'a',
      'd',
      's',
      'l',
      'n',
      '_source_timestamp_day',
      '_source_topic',
      '_source_topic_id',
      '_source_partition',
      '_source_offset',
      '_source_timestamp',
    ]);
    for (const column of schema.columns) expect(newSchema.columns.find(({ name }) => name === column.name)?.fieldId).toBe(column.fieldId);
    expect(newSchema.maxFieldId).toBe(schema.maxFieldId + 2);
  });

  test('R11 undecided fields are remembered at any depth, and forgotten once decided', () => {
    const schema = initial(['{"a":{"n":null,"x":1},"l":[{"e":[]}],"b.c":{"[]":[null]}}']);
    expect(schema.undecided).toEqual([
      { path: ['a', 'n'], seen: ['null'] },
      { path: ['l', '[]', 'e'], seen: ['emptyList'] },
      { path: ['b_x002E_c', '_x005B_]', '[]'], seen: ['null'] },
    ]);
    const decided = classifyChange(schema, evidenceOf(['{"a":{"n":true},"l":[{"e":[1]}],"b.c":{"[]":["x"]}}']), []);
    expect(decided.newSchema.undecided).toEqual([]);
    expect(columns(decided.newSchema)).toEqual([
      'a struct<x:long,n:boolean>',
      'l list<struct<e:list<long>>>',
      'b.c struct<[]:list<string>>',
    ]);
    expect(classifyChange(schema, evidenceOf(['{"b.c":{"[]":"x"}}']), []).kind).toBe('BREAKING');
    expect(classifyChange(schema, evidenceOf(['{"b.c":1}']), []).kind).toBe('BREAKING');
  });

  test('more fields than a table may have are BREAKING, not a crash', () => {
    const wide = (from: number, count: number) => `{${Array.from({ length: count }, (_, i) => `"f${from + i}":1`).join(',')}}`;
    const change = classifyChange(noSchema, evidenceOf([wide(0, schemaFieldsMax), wide(schemaFieldsMax, 1)]), []);
    expect([change.kind, change.diff.at(-1)?.firstOffset?.offset]).toEqual(['BREAKING', 1n]);
  });
});

describe('R9 partition columns', () => {
  test('a plain field is its own column, a nested path gets one, functions derive theirs', () => {
    const keys = ['date', 'customer.country', 'day(_source_timestamp)', 'hour(_source_timestamp)'];
    const schema = initial(['{"customer":{"country":"NL"},"date":"2026-01-01"}'], keys);
    expect(schema.partitionColumns).toEqual(['date', 'customer_country', '_source_timestamp_day', '_source_timestamp_hour']);
    expect(schema.columns.slice(0, 5).map(({ name, type, origin }) => `${name} ${typeText(type)} ${origin}`)).toEqual([
      'customer struct<country:string> data',
      'date string data',
      'customer_country string derived',
      '_source_timestamp_day date derived',
      '_source_timestamp_hour string derived',
    ]);
  });

  test('R9 a field still undecided at creation becomes text that takes other scalars', () => {
    const schema = initial(['{"p":[]}', '{"a":1}'], ['p', 'never seen']);
    expect(columns(schema)).toEqual(['a long', 'p string', 'never_x0020_seen string']);
    expect(schema.partitionColumns).toEqual(['p', 'never_x0020_seen']);
    expect(schema.undecided).toEqual([]);
    expect(classifyChange(schema, evidenceOf(['{"p":1}', '{"p":true}', '{"p":[]}', '{"p":"x"}']), ['p', 'never seen']).kind).toBe('NONE');
    expect(classifyChange(schema, evidenceOf(['{"p":[1]}']), ['p', 'never seen']).kind).toBe('BREAKING');
  });

  test('only scalars can be partitioned by', () => {
    expect(classifyChange(noSchema, evidenceOf(['{"p":{"a":1}}']), ['p']).kind).toBe('BREAKING');
    expect(classifyChange(noSchema, evidenceOf(['{"p":{"a":[1]}}']), ['p.a']).kind).toBe('BREAKING');
    const later = initial(['{"p":{"a":null}}'], ['p.a']);
    expect(classifyChange(later, evidenceOf(['{"p":{"a":{"b":1}}}']), ['p.a']).kind).toBe('BREAKING');
    expect(classifyChange(later, evidenceOf(['{"p":{"a":5}}']), ['p.a']).kind).toBe('NON_BREAKING');
  });

  test('a field to partition by that changes its type says from what', () => {
    const diffOf = (values: string[], key: string) =>
      classifyChange(noSchema, evidenceOf(values), [key]).diff.map((d) => `${d.path}: ${d.from} → ${d.to}`);
    expect(diffOf(['{"c":{"country":"NL"}}', '{"c":{"country":5}}'], 'c.country')).toEqual(['c.country: string → long']);
    expect(diffOf(['{"c":5}', '{"c":true}'], 'c')).toEqual(['c: long → boolean']);
    expect(diffOf(['{"c":{"country":["NL"]}}'], 'c.country')).toEqual(['c.country: a scalar to partition by → list']);
  });

  test('a data field with the name of a derived column steps aside', () => {
    expect(columns(initial(['{"customer":{"country":"NL"},"Customer_Country":"x"}'], ['customer.country']))).toEqual([
      'customer struct<country:string>',
      '_x0043_ustomer_Country string',
    ]);
  });

  test('functions of other fields and clashing names are refused', () => {
    expect(() => classifyChange(noSchema, emptyEvidence(), ['day(created)'])).toThrow(/only day\(_source_timestamp\)/);
    expect(() => classifyChange(noSchema, emptyEvidence(), ['a.b_c', 'a_b.c'])).toThrow(/name of another/);
  });
});
