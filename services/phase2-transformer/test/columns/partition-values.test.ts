import { describe, expect, test } from 'vitest';
import { batchOf, build, objectOf } from '../support/batches.ts';
import { readRows } from '../support/duckdb.ts';

describe('the column of a nested partition key', () => {
  test.each<[string, string[]]>([
    ['fractions keep their own text', ['1.5', '2.5', '0.1', '-3.25', '2.50', '1e2', '-0.0']],
    ['integers are exact', ['5', '9007199254740993', '-9223372036854775808', '9223372036854775807', '-0']],
    ['integers among fractions', ['1.5', '7', '9007199254740992', '0']],
    ['booleans', ['true', 'false']],
  ])('%s', async (_, numbers) => {
    const { output } = build(batchOf([objectOf(numbers.map((text) => `{"a":{"b":${text}}}`))], { partitionKeys: ['a.b'] }));
    expect(output.quarantine).toEqual([]);
    expect(output.files.map(({ partitionValues }) => partitionValues.a_b)).toEqual(numbers);
    expect((await readRows(output.files, 'a_b')).map((row) => row.a_b)).toEqual(numbers);
  });
});

describe('R9 a partition column that is text', () => {
  test.each([['p'], ['a.b']])('R9 %s: what no column could hold is set aside here too', (key) => {
    const textOf = (text: string) => (key === 'p' ? `{"p":${text}}` : `{"a":{"b":${text}}}`);
    const { schema } = build(batchOf([objectOf([textOf('null')])], { partitionKeys: [key] }));
    const values = ['1e300', '123456789012345678901234567890', '1e400', '9223372036854775808', '2'].map(textOf);
    const { output } = build(batchOf([objectOf(values)], { schema, partitionKeys: [key] }));
    expect(output.quarantine.map(({ startOffset, reason }) => `${startOffset} ${reason}`)).toEqual([
      '1 integer_out_of_range',
      '2 fraction_out_of_range',
      '3 integer_out_of_range',
    ]);
    expect(output.counts[0]?.committed).toBe(2);
  });
});
