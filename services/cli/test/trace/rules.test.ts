import { expect, test } from 'vitest';
import { numberedRows, sqlColumns } from '../../src/trace/column-types.ts';
import { mayHold } from '../../src/trace/file-sources.ts';
import { printable } from '../../src/trace/render.ts';
import { bytesText } from '../../src/trace/trace-offset.ts';

const source = { topicId: 't', partition: 1 };
const file = (tag: string | undefined) => (tag === undefined ? {} : { tags: { 'millrace.sources': tag } });

test('a data file is left out only when it says that it holds other offsets', () => {
  const tag = JSON.stringify([
    ['t', 0, '0', '100', 3],
    ['t', 1, '10', '20', 11],
  ]);
  expect([9n, 10n, 20n, 21n].map((offset) => mayHold(file(tag), source, offset))).toEqual([false, true, true, false]);
  expect(mayHold(file('[["t",0,"0","100",3]]'), source, 10n)).toBe(false);
  for (const unsaid of [undefined, 'not json', '[["t"]]']) expect(mayHold(file(unsaid), source, 10n)).toBe(true);
});

test('columns of every type of a Delta table have a type of SQL', () => {
  const schema = JSON.stringify({
    type: 'struct',
    fields: [
      { name: 'a "b"', type: 'long' },
      { name: 's', type: { type: 'struct', fields: [{ name: 'x', type: { type: 'array', elementType: 'string' } }] } },
      { name: 'm', type: { type: 'map', keyType: 'string', valueType: 'decimal(10,2)' } },
    ],
  });
  expect(sqlColumns(schema).map(({ sql }) => sql)).toEqual([
    '"a ""b""" BIGINT',
    '"s" STRUCT("x" VARCHAR[])',
    '"m" MAP(VARCHAR, DECIMAL(10,2))',
  ]);
  const odd = (name: string, type: string) => JSON.stringify({ type: 'struct', fields: [{ name, type }] });
  expect(() => sqlColumns(odd('v', 'variant'))).toThrow('variant');
  expect(numberedRows(odd('File_Row_Number', 'long'))).toMatchObject({ option: '', column: 'NULL::BIGINT' });
});

test('bytes are shown as text when they are, cut at a bound, and harmless to a terminal', () => {
  expect(bytesText(null)).toBeNull();
  expect(bytesText(Buffer.from('Zoë'))).toBe('Zoë');
  expect(bytesText(Buffer.from([0xff, 0x00]))).toBe('base64:/wA=');
  expect(bytesText(Buffer.from('ë'.repeat(600)))).toMatch(/^ë+… \(1200 bytes\)$/);
  expect(bytesText(Buffer.from(`x${'ë'.repeat(600)}`))).toMatch(/^xë+… \(1201 bytes\)$/);
  expect(printable('a\u001b[31mb\n')).toBe('a\\u001b[31mb\\u000a');
});
