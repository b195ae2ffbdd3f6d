import type { ColumnType, OwnType, ScalarType } from '@millrace/core/domain/table-schema.ts';

/**
 * A finished column of a data file, or a node of one: what encoders take.
 * `validity` has a bit a slot, least significant first, 1 for a value; bits and values beyond `length` mean nothing. Values under nulls mean nothing.
 */
export type ColumnBuffer = {
  name: string;
  fieldId: number;
  type: ColumnType;
  length: number;
  nullCount: number;
  validity: Uint8Array;
  values: ColumnValues;
};

export type ColumnValues =
  /** booleans, a bit a slot */
  | { layout: 'bits'; bits: Uint8Array }
  /** `integer`, and `date` in days since 1970 */
  | { layout: 'int32'; words: Int32Array }
  /** `long`, and `timestamp` in µs since 1970 UTC: two little-endian words a slot, low word first */
  | { layout: 'int64'; words: Int32Array }
  | { layout: 'double'; doubles: Float64Array }
  /** UTF-8; slot i is `bytes[offsets[i], offsets[i + 1])` */
  | { layout: 'text'; offsets: Int32Array; bytes: Uint8Array }
  | { layout: 'struct'; fields: ColumnBuffer[] }
  /** slot i has elements `[offsets[i], offsets[i + 1])` */
  | { layout: 'list'; offsets: Int32Array; element: ColumnBuffer };

/** The layout a type is kept in. Pure. */
export const layoutOf: Record<ScalarType | OwnType | 'struct' | 'list', ColumnValues['layout']> = {
  boolean: 'bits',
  integer: 'int32',
  date: 'int32',
  long: 'int64',
  timestamp: 'int64',
  double: 'double',
  string: 'text',
  struct: 'struct',
  list: 'list',
};
