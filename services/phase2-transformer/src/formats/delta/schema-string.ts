import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { Column, ColumnType, TableSchema } from '@millrace/core/domain/table-schema.ts';

/*
 * TableSchema ⇄ Delta's schemaString. What Delta has no word for travels in field metadata under `millrace.…` (never under `delta.…` or `parquet.field.id`:
 * readers act on those), and what belongs to no field travels in the table's configuration; see metadata.ts. @see Delta protocol, "Schema Serialization Format"
 */

type DeltaType = string | { type: 'struct'; fields: DeltaField[] } | { type: 'array'; elementType: DeltaType; containsNull: boolean };
type DeltaField = { name: string; type: DeltaType; nullable: boolean; metadata: Record<string, unknown> };

const fieldIdKey = 'millrace.fieldId';
/** ids of list elements below this field, outermost list first; structs inside carry their own */
const elementIdsKey = 'millrace.elementFieldIds';
const originKey = 'millrace.origin';
const partitionKeyKey = 'millrace.partitionKey';
const scalarsAsTextKey = 'millrace.scalarsAsText';

const scalars = new Set(['boolean', 'long', 'double', 'string', 'integer', 'timestamp', 'date']);

/** JSON text of the columns as Delta's `schemaString`. Pure. */
export function encodeSchemaString(columns: readonly Column[]): string {
  return JSON.stringify({ type: 'struct', fields: columns.map(encodeField) });
}

function encodeField(column: Column): DeltaField {
  const elementIds: number[] = [];
  const type = encodeType(column.type, elementIds);
  const metadata: Record<string, unknown> = { [fieldIdKey]: column.fieldId };
  if (elementIds.length > 0) metadata[elementIdsKey] = elementIds;
  if (column.origin !== 'data') metadata[originKey] = column.origin;
  if (column.partitionKey !== undefined) metadata[partitionKeyKey] = column.partitionKey;
  if (column.scalarsAsText === true) metadata[scalarsAsTextKey] = true;
  return { name: column.name, type, nullable: true, metadata };
}

function encodeType(type: ColumnType, elementIds: number[]): DeltaType {
  if (type.kind === 'struct') return { type: 'struct', fields: type.fields.map(encodeField) };
  if (type.kind !== 'list') return type.kind;
  elementIds.push(type.elementFieldId);
  return { type: 'array', elementType: encodeType(type.element, elementIds), containsNull: true };
}

/**
 * Columns of a `schemaString` that Millrace wrote. Pure.
 * @throws kind `invalid`, code `foreign_schema`, when a field carries none of our ids, takes no null or has a type we never write: the table was made or changed by somebody else
 */
export function decodeSchemaString(schemaString: string): Column[] {
  const root = JSON.parse(schemaString) as DeltaType;
  if (typeof root === 'string' || root.type !== 'struct') throw foreign('', 'the schema is not a struct');
  return root.fields.map((field) => decodeField(field, ''));
}

function decodeField(field: DeltaField, parent: string): Column {
  const path = parent === '' ? field.name : `${parent}.${field.name}`;
  if (!field.nullable) throw foreign(path, 'it takes no null');
  const metadata = field.metadata ?? {};
  const fieldId = metadata[fieldIdKey];
  if (typeof fieldId !== 'number') throw foreign(path, 'it carries no millrace.fieldId');
  const elementIds = Array.isArray(metadata[elementIdsKey]) ? [...(metadata[elementIdsKey] as number[])] : [];
  const column: Column = {
    name: field.name,
    type: decodeType(field.type, path, elementIds),
    fieldId,
    origin: (metadata[originKey] as Column['origin'] | undefined) ?? 'data',
  };
  if (typeof metadata[partitionKeyKey] === 'string') column.partitionKey = metadata[partitionKeyKey];
  if (metadata[scalarsAsTextKey] === true) column.scalarsAsText = true;
  return column;
}

function decodeType(type: DeltaType, path: string, elementIds: number[]): ColumnType {
  if (typeof type === 'string') {
    if (!scalars.has(type)) throw foreign(path, `its type is ${type}`);
    return { kind: type } as ColumnType;
  }
  if (type.type === 'struct') return { kind: 'struct', fields: type.fields.map((field) => decodeField(field, path)) };
  if (type.type !== 'array') throw foreign(path, `its type is ${JSON.stringify((type as { type: unknown }).type)}`);
  if (!type.containsNull) throw foreign(path, 'its list takes no null');
  const elementFieldId = elementIds.shift();
  if (elementFieldId === undefined) throw foreign(path, 'its list carries no element id');
  return { kind: 'list', element: decodeType(type.elementType, `${path}[]`, elementIds), elementFieldId };
}

function foreign(path: string, why: string): MillraceError {
  return new MillraceError(
    'invalid',
    'foreign_schema',
    `the table's schema was not written by Millrace${path === '' ? '' : ` (column ${path})`}: ${why}`,
    { path },
  );
}

/** True when both schemas give the same columns, ids included. Pure. */
export function sameColumns(a: Pick<TableSchema, 'columns'>, b: Pick<TableSchema, 'columns'>): boolean {
  return encodeSchemaString(a.columns) === encodeSchemaString(b.columns);
}
