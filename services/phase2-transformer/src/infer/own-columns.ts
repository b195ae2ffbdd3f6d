import { escapeName } from '@millrace/core/domain/column-names.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { Column, OwnType, ScalarType } from '@millrace/core/domain/table-schema.ts';
import { parseFieldPath } from './paths.ts';

/** Provenance columns in table order; always last. */
export const provenanceTypes: readonly (readonly [name: string, kind: ScalarType | OwnType])[] = [
  ['_source_topic', 'string'],
  ['_source_topic_id', 'string'],
  ['_source_partition', 'integer'],
  ['_source_offset', 'long'],
  ['_source_timestamp', 'timestamp'],
];

/** For rows of a fan-out. */
const reservedNames = ['_source_row'];

/**
 * What a partition key means: one of our own columns, a derived one, a top-level data field, or a copy of a nested field.
 * `column` is the table column except for `field`, whose column carries the escaped name of the field.
 */
export type PartitionKey =
  | { kind: 'provenance'; key: string; column: string }
  | { kind: 'day' | 'hour'; key: string; column: string }
  | { kind: 'nested'; key: string; column: string; path: string[] }
  | { kind: 'field'; key: string; name: string };

/**
 * Reads a dataset's partitionKeys. Pure.
 * @throws kind `invalid`, code `partition_key_invalid`, for functions other than day and hour of `_source_timestamp`, and for two keys that need one column name
 */
export function parsePartitionKeys(keys: readonly string[]): PartitionKey[] {
  const parsed = [...new Set(keys)].map((key): PartitionKey => {
    const call = /^(\w+)\((.*)\)$/.exec(key);
    if (call !== null) {
      const [, name, argument] = call;
      if ((name === 'day' || name === 'hour') && argument === '_source_timestamp')
        return { kind: name, key, column: `_source_timestamp_${name}` };
      throw new MillraceError(
        'invalid',
        'partition_key_invalid',
        `Partition key "${key}": only day(_source_timestamp) and hour(_source_timestamp) are functions here.`,
        { key },
      );
    }
    if (provenanceTypes.some(([name]) => name === key)) return { kind: 'provenance', key, column: key };
    const path = parseFieldPath(key);
    if (path.length === 1) return { kind: 'field', key, name: path[0] as string };
    return { kind: 'nested', key, column: escapeName(path.join('_'), () => false), path };
  });
  const taken = new Set([...provenanceTypes.map(([name]) => name), ...reservedNames]);
  for (const key of parsed) {
    if (key.kind === 'field' || key.kind === 'provenance') continue;
    if (taken.has(key.column.toLowerCase()))
      throw new MillraceError(
        'invalid',
        'partition_key_invalid',
        `Partition key "${key.key}": its column ${key.column} would have the name of another of our columns.`,
        { key: key.key },
      );
    taken.add(key.column.toLowerCase());
  }
  return parsed;
}

/** Lower-cased top-level names that data columns must not take. Pure. */
export function ownNames(keys: readonly PartitionKey[]): Set<string> {
  const names = new Set([...provenanceTypes.map(([name]) => name), ...reservedNames].map((name) => name.toLowerCase()));
  for (const key of keys) if (key.kind !== 'field') names.add(key.column.toLowerCase());
  return names;
}

/** Derived and provenance columns of a new table, in order. Pure; takes field ids from `nextFieldId`. */
export function newOwnColumns(keys: readonly PartitionKey[], nextFieldId: () => number): Column[] {
  const derived = keys.flatMap((key): Column[] => {
    if (key.kind === 'day')
      return [{ name: key.column, type: { kind: 'date' }, fieldId: nextFieldId(), origin: 'derived', partitionKey: key.key }];
    if (key.kind === 'hour')
      return [{ name: key.column, type: { kind: 'string' }, fieldId: nextFieldId(), origin: 'derived', partitionKey: key.key }];
    if (key.kind === 'nested')
      return [
        {
          name: key.column,
          type: { kind: 'string' },
          fieldId: nextFieldId(),
          origin: 'derived',
          partitionKey: key.key,
          scalarsAsText: true,
        },
      ];
    return [];
  });
  const provenance = provenanceTypes.map(
    ([name, kind]): Column => ({ name, type: { kind }, fieldId: nextFieldId(), origin: 'provenance' }),
  );
  return [...derived, ...provenance];
}
