import { unescapeName } from '@millrace/core/domain/column-names.ts';
import type { Column, ColumnType } from '@millrace/core/domain/table-schema.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseExact } from '../../src/decode/exact-json.ts';
import { JsonNumber, type JsonObject, type JsonValue } from '../../src/decode/json-value.ts';
import { batchOf, build, objectOf } from '../support/batches.ts';
import { queryParquet } from '../support/duckdb.ts';

type Shape =
  | { kind: 'boolean' | 'long' | 'double' | 'string' }
  | { kind: 'struct'; fields: [string, Shape][] }
  | { kind: 'list'; element: Shape };

const name = fc.constantFrom('a', 'b', 'B', 'c d', '__proto__', '9', '', 'toString', 'x.y', '_x0020_', 'č');
const shape: fc.Arbitrary<Shape> = fc.letrec<{ shape: Shape }>((tie) => ({
  shape: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<Shape>({ kind: 'boolean' }, { kind: 'long' }, { kind: 'double' }, { kind: 'string' }),
    fc
      .uniqueArray(fc.tuple(name, tie('shape')), { minLength: 1, maxLength: 4, selector: ([key]) => key })
      .map((fields): Shape => ({ kind: 'struct', fields })),
    tie('shape').map((element): Shape => ({ kind: 'list', element })),
  ),
})).shape;

/** JSON text of a shape, now and then null. */
function textOf(of: Shape): fc.Arbitrary<string> {
  const value = (): fc.Arbitrary<string> => {
    switch (of.kind) {
      case 'boolean':
        return fc.boolean().map(String);
      case 'long':
        return fc.oneof(fc.integer().map(String), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String));
      case 'double':
        return fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }).map(doubleText), fc.constantFrom('1.0', '-2e3', '0.1'));
      case 'string':
        return fc.string({ unit: 'grapheme', maxLength: 60 }).map((text) => JSON.stringify(text));
      case 'list':
        return fc.array(textOf(of.element), { maxLength: 4 }).map((list) => `[${list.join(',')}]`);
      case 'struct':
        return objectText(of.fields);
    }
  };
  return fc.option(value(), { freq: 5 }).map((text) => text ?? 'null');
}

/** Always with a sign of a fraction, so that no column is a long by accident. */
const doubleText = (value: number) => (/[.e]/.test(String(value)) ? String(value) : `${value}.0`);

function objectText(fields: readonly [string, Shape][]): fc.Arbitrary<string> {
  const members = fields.map(([key, of]) =>
    fc.option(textOf(of), { freq: 4 }).map((text) => (text === null ? [] : [`${JSON.stringify(key)}:${text}`])),
  );
  return fc.tuple(...members).map((list) => `{${list.flat().join(',')}}`);
}

const batch = fc
  .uniqueArray(fc.tuple(name, shape), { minLength: 1, maxLength: 6, selector: ([key]) => key })
  .chain((fields) => fc.array(objectText(fields), { minLength: 1, maxLength: 60 }));

/** A value as both sides mean it: by the column's type, empties as null, the sign of a zero aside. `nameOf` is what a column's values are found under. */
function canonical(value: JsonValue | undefined, type: ColumnType, nameOf: (column: string) => string): unknown {
  if (value === null || value === undefined) return null;
  if (type.kind === 'struct') {
    const members = membersOf(value as JsonObject, type.fields, nameOf);
    return members.every((member) => member === null) ? null : members;
  }
  if (type.kind === 'list') {
    const elements = (value as JsonValue[]).map((element) => canonical(element, type.element, nameOf));
    return elements.length === 0 ? null : elements;
  }
  const source = value instanceof JsonNumber ? value.source : String(value);
  if (type.kind === 'long') return BigInt(source);
  if (type.kind === 'double') return Number(source) + 0;
  return value;
}

function membersOf(record: JsonObject, columns: readonly Column[], nameOf: (column: string) => string): unknown[] {
  return columns
    .filter(({ origin }) => origin === 'data')
    .map((column) => canonical(Object.hasOwn(record, nameOf(column.name)) ? record[nameOf(column.name)] : null, column.type, nameOf));
}

describe('any records of any shape', () => {
  test('are read back by another engine as they were written', async () => {
    await fc.assert(
      fc.asyncProperty(batch, async (values) => {
        const { output, schema } = build(batchOf([objectOf(values)]));
        expect(output.quarantine).toEqual([]);
        const files = output.files.map(({ bytes }) => bytes);
        const rows = await queryParquet(files, 'SELECT to_json(t)::VARCHAR AS row FROM read_parquet($file) t ORDER BY _source_offset');
        const read = rows.map(({ row }) => membersOf(parseExact(row as string, true) as JsonObject, schema.columns, (column) => column));
        expect(read).toEqual(values.map((text) => membersOf(parseExact(text, true) as JsonObject, schema.columns, unescapeName)));
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
