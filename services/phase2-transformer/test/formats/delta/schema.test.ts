import type { Column, ColumnType, TableSchema } from '@millrace/core/domain/table-schema.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMetadata, encodeMetadata, foreignConfiguration, type TableFacts } from '../../../src/formats/delta/metadata.ts';
import { decodeSchemaString, encodeSchemaString } from '../../../src/formats/delta/schema-string.ts';

let id = 0;
const name = fc.string({ minLength: 1, maxLength: 8 });
const { type } = fc.letrec<{ type: ColumnType; column: Column }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('boolean', 'long', 'double', 'string').map((kind): ColumnType => ({ kind }) as ColumnType),
    fc.array(tie('column'), { minLength: 1, maxLength: 4 }).map((fields): ColumnType => ({ kind: 'struct', fields: fields as Column[] })),
    tie('type').map((element): ColumnType => ({ kind: 'list', element: element as ColumnType, elementFieldId: ++id })),
  ),
  column: fc
    .record({
      name,
      type: tie('type'),
      origin: fc.constantFrom('data', 'derived', 'provenance'),
      text: fc.boolean(),
      key: fc.option(name, { nil: undefined }),
    })
    .map(
      ({ name, type, origin, text, key }): Column => ({
        name,
        type: type as ColumnType,
        fieldId: ++id,
        origin: origin as Column['origin'],
        ...(text && { scalarsAsText: true }),
        ...(key !== undefined && { partitionKey: key }),
      }),
    ),
}));
const column = fc.record({ name, type }).map(({ name, type }): Column => ({ name, type, fieldId: ++id, origin: 'data' }));

const facts = (schema: TableSchema): TableFacts => ({
  schema,
  schemaVersion: 2,
  highestSchemaVersion: 3,
  topic: 'orders',
  mode: 'append',
  partitionKeys: ['date', 'day(_source_timestamp)'],
});

describe('schemas in the Delta log', () => {
  it('come back as they were, whatever their shape', () => {
    fc.assert(
      fc.property(fc.array(column, { maxLength: 5 }), (columns) => {
        expect(decodeSchemaString(encodeSchemaString(columns))).toEqual(columns);
      }),
    );
  });

  it('the table alone tells everything a worker needs to go on', () => {
    const schema: TableSchema = {
      columns: [
        { name: 'date', type: { kind: 'string' }, fieldId: 1, origin: 'data', scalarsAsText: true },
        {
          name: 'l',
          type: { kind: 'list', element: { kind: 'list', element: { kind: 'long' }, elementFieldId: 3 }, elementFieldId: 2 },
          fieldId: 4,
          origin: 'data',
        },
        { name: '_source_timestamp_day', type: { kind: 'date' }, fieldId: 5, origin: 'derived', partitionKey: 'day(_source_timestamp)' },
      ],
      partitionColumns: ['date', '_source_timestamp_day'],
      undecided: [{ path: ['a', '[]', 'b'], seen: ['null', 'emptyList'] }],
      maxFieldId: 5,
    };
    const metadata = encodeMetadata('id', 'orders', 1, facts(schema), { 'delta.appendOnly': 'true' });
    expect(decodeMetadata(metadata)).toEqual(facts(schema));
    expect(foreignConfiguration(metadata)).toEqual({ 'delta.appendOnly': 'true' });
    expect(Object.values(metadata.configuration).every((value) => typeof value === 'string')).toBe(true);
    expect(metadata.schemaString).not.toMatch(/delta\.columnMapping|parquet\.field\.id/);
  });

  it('a table that Millrace did not make, or that others changed, is refused by name', () => {
    const metadata = encodeMetadata('id', 'orders', 1, facts({ columns: [], partitionColumns: [], undecided: [], maxFieldId: 0 }));
    expect(() => decodeMetadata({ ...metadata, configuration: {} })).toThrow(/did not make/);
    expect(() => decodeMetadata({ ...metadata, configuration: { ...metadata.configuration, 'millrace.format': '2' } })).toThrow(/Upgrade/);
    const added = '{"type":"struct","fields":[{"name":"x","type":"long","nullable":true,"metadata":{}}]}';
    expect(() => decodeMetadata({ ...metadata, schemaString: added })).toThrow(/column x.*no millrace.fieldId/);
  });

  describe('what others changed is found and named', () => {
    const member = (name: string, kind: 'long' | 'string', fieldId: number): Column => ({ name, type: { kind }, fieldId, origin: 'data' });
    const written = encodeMetadata(
      'id',
      'orders',
      1,
      facts({
        columns: [
          member('a', 'long', 1),
          member('b', 'string', 2),
          { name: 's', type: { kind: 'struct', fields: [member('x', 'long', 3), member('y', 'long', 4)] }, fieldId: 5, origin: 'data' },
        ],
        partitionColumns: ['a', 'b'],
        undecided: [{ path: ['u'], seen: ['null'] }],
        maxFieldId: 5,
      }),
    );
    type Field = { name: string; type: unknown; nullable: boolean; metadata: Record<string, unknown> };
    const withFields = (change: (fields: Field[]) => unknown[]) => {
      const root = JSON.parse(written.schemaString) as { fields: Field[] };
      return { ...written, schemaString: JSON.stringify({ ...root, fields: change(root.fields) }) };
    };
    const configured = (name: string, value: string) => ({ ...written, configuration: { ...written.configuration, [name]: value } });

    it.each([
      ['a dropped column', withFields((fields) => fields.filter(({ name }) => name !== 'b')), /column b is gone$/],
      [
        'a dropped member',
        withFields(([a, b, s]) => [
          a,
          b,
          { ...s, type: { type: 'struct', fields: (s?.type as { fields: Field[] } | undefined)?.fields.slice(1) } },
        ]),
        /column s was changed$/,
      ],
      ['another type', withFields(([a, ...rest]) => [{ ...a, type: 'string' }, ...rest]), /column a was changed$/],
      ['another name', withFields(([a, ...rest]) => [{ ...a, name: 'c' }, ...rest]), /column a is gone; column c was added$/],
      ['another order', withFields(([a, b, s]) => [b, a, s]), /columns are in another order$/],
      ['no nulls', withFields(([a, ...rest]) => [{ ...a, nullable: false }, ...rest]), /column a.*takes no null$/],
      ['other partition columns', { ...written, partitionColumns: ['b', 'a'] }, /partition columns were \["a","b"\] and are \["b","a"\]$/],
      ['our configuration', configured('millrace.maxFieldId', '3'), /millrace\.\* configuration was changed$/],
      ['undecided fields', configured('millrace.undecided', 'x'), /millrace\.\* configuration was changed$/],
      ['our note', configured('millrace.written', '{}'), /cannot be read$/],
    ])('%s', (_, metadata, reason) => {
      expect(() => decodeMetadata(metadata)).toThrow(reason);
    });

    it('but what does not touch rows is no change: comments, settings of theirs, another spelling of the JSON', () => {
      const commented = withFields((fields) =>
        fields.map(({ name, type, nullable, metadata }) => ({ metadata: { comment: 'c', ...metadata }, nullable, type, name })),
      );
      expect(decodeMetadata({ ...commented, configuration: { 'delta.logRetentionDuration': 'x', ...commented.configuration } })).toEqual(
        decodeMetadata(written),
      );
    });
  });
});
