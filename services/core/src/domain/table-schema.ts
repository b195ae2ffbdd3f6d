import { z } from 'zod';

/*
 * The schema of a table as Millrace knows it: what the metastore stores per version, what phase 2 builds columns from,
 * and what maps one to one to Delta's schemaString and Parquet's tree. Columns are in table order.
 */

export type ScalarType = 'boolean' | 'long' | 'double' | 'string';
/** Types only our own columns have: provenance and derived partition columns. */
export type OwnType = 'integer' | 'timestamp' | 'date';

export type ColumnType =
  | { kind: ScalarType | OwnType }
  | { kind: 'struct'; fields: Column[] }
  | { kind: 'list'; element: ColumnType; elementFieldId: number };

/** One column or struct member. All are nullable. */
export type Column = {
  /** name in the table, escaped; `unescapeName(name)` is the JSON field name for data columns */
  name: string;
  type: ColumnType;
  /** unique in the table, never reused; written to Parquet and mirrored in Delta's field metadata as `millrace.fieldId` */
  fieldId: number;
  /** `data` from a JSON field; `derived` from a partition key; `provenance` one of ours */
  origin: 'data' | 'derived' | 'provenance';
  /** derived columns: the partition key as configured, e.g. `day(_source_timestamp)` or `customer.country` */
  partitionKey?: string;
  /** R9: a partition field that was still undecided at creation became string; other scalars in it take their JSON text */
  scalarsAsText?: boolean;
};

/** A field seen only as null, `[]` or `{}`: no column yet (R11). `path` by JSON field names joined with `.`, list elements as `[]`. */
export type UndecidedField = { path: string[]; seen: ('null' | 'emptyList' | 'emptyObject')[] };

export type TableSchema = {
  columns: Column[];
  /** names of partition columns, in the order of the dataset's partitionKeys */
  partitionColumns: string[];
  undecided: UndecidedField[];
  /** highest field id ever given */
  maxFieldId: number;
};

export const changeKinds = ['INITIAL', 'NONE', 'NON_BREAKING', 'BREAKING'] as const;
export const changeKind = z.enum(changeKinds);
export type ChangeKind = z.infer<typeof changeKind>;
