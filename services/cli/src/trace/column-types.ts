import { MillraceError } from '@millrace/core/domain/errors.ts';
import { sqlName } from '../lake/duckdb.ts';

/** A type of the Delta schema. @see Delta protocol, "Schema Serialization Format" */
type DeltaType =
  | string
  | { type: 'struct'; fields: DeltaField[] }
  | { type: 'array'; elementType: DeltaType }
  | { type: 'map'; keyType: DeltaType; valueType: DeltaType };
type DeltaField = { name: string; type: DeltaType };

const primitives: Readonly<Record<string, string>> = {
  string: 'VARCHAR',
  long: 'BIGINT',
  integer: 'INTEGER',
  short: 'SMALLINT',
  byte: 'TINYINT',
  double: 'DOUBLE',
  float: 'FLOAT',
  boolean: 'BOOLEAN',
  date: 'DATE',
  timestamp: 'TIMESTAMPTZ',
  timestamp_ntz: 'TIMESTAMP',
  binary: 'BLOB',
};

/** A table's columns as SQL: quoted name and type each, in order. Pure. @throws kind `invalid`, code `column_type_unknown` */
export function sqlColumns(schemaString: string): { name: string; sql: string }[] {
  const { fields } = JSON.parse(schemaString) as { fields: DeltaField[] };
  return fields.map(({ name, type }) => ({ name, sql: `${sqlName(name)} ${sqlType(type)}` }));
}

function sqlType(type: DeltaType): string {
  if (typeof type === 'string') {
    const known = primitives[type] ?? (/^decimal\(\d+,\s*\d+\)$/.test(type) ? type.toUpperCase() : undefined);
    if (known !== undefined) return known;
    throw new MillraceError('invalid', 'column_type_unknown', `the table has a column of type ${type}, which this version cannot search`);
  }
  if (type.type === 'array') return `${sqlType(type.elementType)}[]`;
  if (type.type === 'map') return `MAP(${sqlType(type.keyType)}, ${sqlType(type.valueType)})`;
  return `STRUCT(${type.fields.map((field) => `${sqlName(field.name)} ${sqlType(field.type)}`).join(', ')})`;
}

/**
 * How `read_parquet` is asked for the row's number in its file. Pure. DuckDB refuses it for a file with a column of that name: then the number is null.
 * @returns the option to add, and the column to select
 */
export function numberedRows(schemaString: string): { option: string; column: string; exclude: string } {
  const taken = sqlColumns(schemaString).some(({ name }) => name.toLowerCase() === 'file_row_number');
  return taken
    ? { option: '', column: 'NULL::BIGINT', exclude: '' }
    : { option: ', file_row_number = true', column: 'file_row_number::BIGINT', exclude: ' EXCLUDE (file_row_number)' };
}
