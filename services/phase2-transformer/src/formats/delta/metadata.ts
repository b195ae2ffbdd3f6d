import type { DeltaMetadata } from '@millrace/core/delta/actions.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { TableSchema, UndecidedField } from '@millrace/core/domain/table-schema.ts';
import { decodeSchemaString, encodeSchemaString } from './schema-string.ts';
import { changesSince, markOf } from './written-mark.ts';

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
  written: 'millrace.written',
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
  const own = {
    [key.format]: String(factsFormat),
    [key.schemaVersion]: String(facts.schemaVersion),
    [key.highestSchemaVersion]: String(facts.highestSchemaVersion),
    [key.topic]: facts.topic,
    [key.mode]: facts.mode,
    [key.partitionKeys]: JSON.stringify(facts.partitionKeys),
    [key.undecided]: JSON.stringify(schema.undecided),
    [key.maxFieldId]: String(schema.maxFieldId),
  };
  return {
    id,
    name,
    format: { provider: 'parquet', options: {} },
    schemaString: encodeSchemaString(schema.columns),
    partitionColumns: schema.partitionColumns,
    configuration: { ...kept, ...own, [key.written]: markOf({ ...schema, facts: own }) },
    createdTime,
  };
}

/**
 * What the table says about itself. Pure.
 * @throws kind `invalid`, code `foreign_table` when Millrace did not make it, `newer_format` when a newer Millrace did,
 * `foreign_schema` when its columns, partitioning or our facts about it were changed by others: the message says which
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
  const { partitionColumns } = metadata;
  const columns = decodeSchemaString(metadata.schemaString);
  const { [key.written]: _, ...facts } = ownConfiguration(metadata);
  const changes = changesSince(text(key.written), { columns, partitionColumns, facts });
  if (changes.length > 0)
    throw new MillraceError('invalid', 'foreign_schema', `the table's metadata was changed by somebody else: ${changes.join('; ')}`);
  return {
    schema: {
      columns,
      partitionColumns,
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
  return Object.fromEntries(Object.entries(metadata.configuration).filter(([name]) => !isOwn(name)));
}

function ownConfiguration(metadata: DeltaMetadata): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata.configuration).filter(([name]) => isOwn(name)));
}

const isOwn = (name: string) => name.startsWith('millrace.');
