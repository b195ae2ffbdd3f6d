import { unescapeName } from '@millrace/core/domain/column-names.ts';
import type { Column, TableSchema } from '@millrace/core/domain/table-schema.ts';
import { JsonNumber, type JsonObject, type JsonValue } from '../decode/json-value.ts';
import { valueAt } from '../infer/data-errors.ts';
import { type PartitionKey, parsePartitionKeys } from '../infer/own-columns.ts';
import { scalarText } from './text-state.ts';

/** Where a record came from, as rows need it. `offset` and `timestamp` are NaN when `offsetExact` tells it, or when there is none. */
export type RowSource = { topic: string; topicId: string; partition: number; offset: number; offsetExact: bigint; timestamp: number };

/**
 * The value of one partition column for a record, in Delta's text form; null for null and the empty string.
 * Undefined: the value cannot be told from a plain parse, or is no scalar; then the record does not fit the schema or must be parsed exactly.
 */
export type PartitionValue = {
  column: string /** a derived text column that takes this text too */;
  isCopied: boolean;
  read: (record: JsonObject, source: RowSource) => string | null | undefined;
};

/** Readers of a table's partition values, in the order of its partition columns. Pure. */
export function partitionValues(schema: TableSchema, partitionKeys: readonly string[]): PartitionValue[] {
  return parsePartitionKeys(partitionKeys).map((key, index): PartitionValue => {
    const column = schema.columns.find(({ name }) => name === schema.partitionColumns[index]);
    if (column === undefined) throw new TypeError(`no column for the partition key ${key.key}`);
    return { column: column.name, isCopied: key.kind === 'nested', read: reader(key, column) };
  });
}

function reader(key: PartitionKey, column: Column): PartitionValue['read'] {
  switch (key.kind) {
    case 'day':
      return (_, { timestamp }) => (Number.isNaN(timestamp) ? null : isoText(timestamp).slice(0, -14));
    case 'hour':
      return (_, { timestamp }) => (Number.isNaN(timestamp) ? null : hourText(timestamp));
    case 'provenance':
      return (_, source) => provenanceText(column.name, source);
    case 'nested':
      return (record) => {
        const text = scalarText(valueAt(record, key.path));
        return text === '' ? null : text;
      };
    case 'field': {
      const name = unescapeName(column.name);
      const toText = column.type.kind === 'string' ? scalarText : numberOrBooleanText;
      return (record) => {
        const value = Object.hasOwn(record, name) ? record[name] : null;
        if (typeof value === 'string') return value === '' ? null : value;
        const text = toText(value);
        return text === '' ? null : text;
      };
    }
  }
}

function numberOrBooleanText(value: JsonValue | undefined): string | null | undefined {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return String(value);
  if (!(value instanceof JsonNumber)) return undefined;
  return value.isFraction ? String(value.value) : (value.int64()?.toString() ?? undefined);
}

function provenanceText(column: string, source: RowSource): string | null {
  if (column === '_source_topic') return source.topic;
  if (column === '_source_topic_id') return source.topicId;
  if (column === '_source_partition') return String(source.partition);
  if (column === '_source_offset') return Number.isNaN(source.offset) ? source.offsetExact.toString() : String(source.offset);
  return Number.isNaN(source.timestamp) ? null : `${isoText(source.timestamp).slice(0, -1)}000Z`;
}

/** `yyyy-MM-dd-HH`, UTC. Pure. */
export function hourText(timestampMs: number): string {
  return isoText(timestampMs).slice(0, -11).replace('T', '-');
}

/** ISO 8601 of a timestamp within the years 1 to 9999; others are cut to the ends of that. Pure. */
function isoText(timestampMs: number): string {
  return new Date(calendarMs(timestampMs)).toISOString();
}

/** The nearest timestamp that every reader's calendar can show. Pure. */
export function calendarMs(timestampMs: number): number {
  return Math.min(Math.max(timestampMs, -62_135_596_800_000), 253_402_300_799_999);
}
