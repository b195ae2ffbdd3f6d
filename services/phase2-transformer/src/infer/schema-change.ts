import type { ChangeKind, TableSchema } from '@millrace/core/domain/table-schema.ts';

/** A source position for people and statuses. */
export type SourceOffset = { topicId: string; partition: number; offset: bigint };

/** One difference between a schema and what records hold. */
export type SchemaDifference = {
  /** escaped column names joined with `.`, list elements as `[]`: `items.[].sku` */
  path: string;
  /** the type there is, as text; null when there is none yet; `undecided` when it was seen only as null, `[]` or `{}` */
  from: string | null;
  to: string;
  /** observed kinds of values that do not fit, for the decision on a block (R7); empty when nothing is contradicted */
  types: string[];
  /** the first record that shows it; undefined for own columns of an empty table */
  firstOffset: SourceOffset | undefined;
};

/**
 * `INITIAL` the table's first schema · `NONE` nothing new · `NON_BREAKING` new columns or undecided fields: build again with `newSchema` ·
 * `BREAKING` the contradictions in `diff`; `newSchema` is the old one.
 */
export type SchemaChange = { kind: ChangeKind; newSchema: TableSchema; diff: SchemaDifference[] };
