import type { DeltaMetadata } from '@millrace/core/delta/actions.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { TableSchema, UndecidedField } from '@millrace/core/domain/table-schema.ts';
import { decodeSchemaString, encodeSchemaString } from './schema-string.ts';

/** Our own facts about a table, kept in `metaData.configuration` so that the table alone tells how to go on (design section 4, "Who knows what"). */
export type TableFacts = {
  schema: TableSchema;
  /** counted along the table, from 1 */
  schemaVersion: number;
  /** highest number ever given, versions that were blocked included, so that none is given twice */
  highestSchemaVersion: number;
  topic: string;
  mode: 'append' | 'upsert';
  partitionKeys: string[];
};

const key = {
  format: 'millrace.format',
  schemaVersion: 'millrace.schemaVersion',
  highestSchemaVersion: 'millrace.highestSchemaVersion',
  topic: 'millrace.topic',
  mode: 'millrace.mode',
  partitionKeys: 'millrace.partitionKeys',
  undecided: 'millrace.undecided',
  maxFieldId: 'millrace.maxFieldId',
} as const;

/** Format number of the `millrace.*` keys written by this version. */
const factsFormat = 1;

/** The complete `metaData` action body. Pure. `kept` are configuration entries of others on the table; they stay. */
export function encodeMetadata(
  id: string,
  name: string,
  createdTime: number,
  facts: TableFacts,
  kept: Readonly<Record<string, string>> = {},
): DeltaMetadata {
  const { schema } = facts;
  return {
    id,
    name,
    format: { provider: 'parquet', options: {} },
    schemaString: encodeSchemaString(schema.columns),
    partitionColumns: schema.partitionColumns,
    configuration: {
      ...kept,
      [key.format]: String(factsFormat),
      [key.schemaVersion]: String(facts.schemaVersion),
      [key.highestSchemaVersion]: String(facts.highestSchemaVersion),
      [key.topic]: facts.topic,
      [key.mode]: facts.mode,
      [key.partitionKeys]: JSON.stringify(facts.partitionKeys),
      [key.undecided]: JSON.stringify(schema.undecided),
      [key.maxFieldId]: String(schema.maxFieldId),
    },
    createdTime,
  };
}

/**
 * What the table says about itself. Pure.
 * @throws kind `invalid`, code `foreign_table` when Millrace did not make it, `newer_format` when a newer Millrace did, `foreign_schema` when its columns were changed by others
 */
export function decodeMetadata(metadata: DeltaMetadata): TableFacts {
  const { configuration } = metadata;
  const format = configuration[key.format];
  if (format === undefined)
    throw new MillraceError(
      'invalid',
      'foreign_table',
      'there is a Delta table at this place that Millrace did not make; give the dataset another name or move that table away',
    );
  if (Number(format) > factsFormat)
    throw new MillraceError(
      'invalid',
      'newer_format',
      `the table has millrace.format ${format}; this version reads up to ${factsFormat}. Upgrade Millrace.`,
    );
  const text = (name: string) => {
    const value = configuration[name];
    if (value === undefined) throw new MillraceError('invalid', 'foreign_table', `the table's configuration lost ${name}`, { name });
    return value;
  };
  return {
    schema: {
      columns: decodeSchemaString(metadata.schemaString),
      partitionColumns: metadata.partitionColumns,
      undecided: JSON.parse(text(key.undecided)) as UndecidedField[],
      maxFieldId: Number(text(key.maxFieldId)),
    },
    schemaVersion: Number(text(key.schemaVersion)),
    highestSchemaVersion: Number(text(key.highestSchemaVersion)),
    topic: text(key.topic),
    mode: text(key.mode) as TableFacts['mode'],
    partitionKeys: JSON.parse(text(key.partitionKeys)) as string[],
  };
}

/** Configuration entries that are not ours, to be carried on when we write metaData. Pure. */
export function foreignConfiguration(metadata: DeltaMetadata): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata.configuration).filter(([name]) => !name.startsWith('millrace.')));
}
