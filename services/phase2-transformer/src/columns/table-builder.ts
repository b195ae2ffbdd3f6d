import type { TableSchema } from '@millrace/core/domain/table-schema.ts';
import type { JsonObject } from '../decode/json-value.ts';
import type { AppendRecord } from './append-code.ts';
import type { ColumnBuffer } from './column-buffer.ts';
import type { ColumnState, Int32State, Int64State } from './column-state.ts';
import { newColumnState } from './new-state.ts';
import { calendarMs, hourText, type PartitionValue, type RowSource } from './partition-values.ts';
import { TextState } from './text-state.ts';

const initialRows = 256;
const msPerDay = 86_400_000;

/** Rows a file may have, so that offsets of its texts stay far below 2^31. */
const rowsMax = 4_000_000;
/** Bytes one text column may reach before its file is closed; one value may come on top. */
const textBytesMax = 1 << 30;

type SourceSpan = { topicId: string; partition: number; minOffset: bigint; maxOffset: bigint; records: number };

/** The rows of one data file being built: all of one table partition. */
export class TableBuilder {
  readonly values: readonly (string | null)[];
  rows = 0;
  /** JSON text of its rows, in characters: what file sizes are judged by */
  textUnits = 0;
  /** where rows of another raw object begin */
  private readonly segments: { source: RowSource; startRow: number }[] = [];
  private capacity = initialRows;
  private readonly schema: TableSchema;
  private readonly append: AppendRecord;
  private readonly states: ColumnState[];
  private readonly dataStates: ColumnState[];
  private readonly texts: TextState[];
  private readonly own: Map<string, ColumnState>;
  private readonly copies: { state: TextState; index: number }[];

  constructor(schema: TableSchema, append: AppendRecord, partition: readonly PartitionValue[], values: readonly (string | null)[]) {
    this.schema = schema;
    this.append = append;
    this.values = values;
    this.states = schema.columns.map((column) => newColumnState(column.type, initialRows));
    this.dataStates = this.states.filter((_, i) => schema.columns[i]?.origin === 'data');
    this.texts = this.states.filter((state) => state instanceof TextState);
    this.own = new Map(
      schema.columns.flatMap((column, i) => (column.origin === 'data' ? [] : [[column.name, this.states[i] as ColumnState]])),
    );
    this.copies = partition.flatMap(({ column, isCopied }, index) =>
      isCopied ? [{ state: this.own.get(column) as TextState, index }] : [],
    );
  }

  /** Adds a record as a row; `source` is one object per raw object, changed in place. False, and nothing added, when it does not fit the schema (or needs an exact parse). */
  add(record: JsonObject, source: RowSource, textLength: number): boolean {
    const slot = this.rows;
    if (slot === this.capacity) this.grow();
    if (!this.append(this.dataStates, record, slot)) {
      for (const state of this.dataStates) state.truncate(slot, slot + 1);
      return false;
    }
    for (const { state, index } of this.copies) {
      const text = this.values[index];
      if (text !== null) state.append(slot, text as string);
    }
    this.addProvenance(slot, source);
    if (this.segments.at(-1)?.source !== source) this.segments.push({ source, startRow: slot });
    this.rows = slot + 1;
    this.textUnits += textLength;
    return true;
  }

  /** Whether the file should be closed before more rows come. */
  isFull(targetFileBytes: number): boolean {
    return this.textUnits >= targetFileBytes || this.rows >= rowsMax || this.texts.some((text) => text.used >= textBytesMax);
  }

  finish(): ColumnBuffer[] {
    return this.schema.columns.map((column, i) => (this.states[i] as ColumnState).finish(column, this.rows));
  }

  /** Which offsets of which source partitions lie in this file. Rows of one raw object are in ascending order. */
  sources(): SourceSpan[] {
    const words = (this.own.get('_source_offset') as Int64State).words;
    const offsetAt = (row: number) => (BigInt(words[2 * row + 1] as number) << 32n) | BigInt((words[2 * row] as number) >>> 0);
    const spans = new Map<string, SourceSpan>();
    this.segments.forEach(({ source, startRow }, i) => {
      const endRow = this.segments[i + 1]?.startRow ?? this.rows;
      const span = {
        topicId: source.topicId,
        partition: source.partition,
        minOffset: offsetAt(startRow),
        maxOffset: offsetAt(endRow - 1),
        records: endRow - startRow,
      };
      const key = `${span.topicId}/${span.partition}`;
      const other = spans.get(key);
      spans.set(
        key,
        other === undefined
          ? span
          : {
              ...span,
              minOffset: lower(span.minOffset, other.minOffset),
              maxOffset: -lower(-span.maxOffset, -other.maxOffset),
              records: span.records + other.records,
            },
      );
    });
    return [...spans.values()];
  }

  private addProvenance(slot: number, source: RowSource): void {
    (this.own.get('_source_topic') as TextState).append(slot, source.topic);
    (this.own.get('_source_topic_id') as TextState).append(slot, source.topicId);
    (this.own.get('_source_partition') as Int32State).set(slot, source.partition);
    const offset = this.own.get('_source_offset') as Int64State;
    if (Number.isNaN(source.offset)) offset.setBigInt(slot, source.offsetExact);
    else offset.set(slot, source.offset);
    const { timestamp } = source;
    if (Number.isNaN(timestamp)) return;
    const time = this.own.get('_source_timestamp') as Int64State;
    if (Number.isSafeInteger(timestamp * 1000)) time.set(slot, timestamp * 1000);
    // beyond 64 bits of µs there is no such time: null
    else if (Math.abs(timestamp) < 2 ** 63 / 1000) time.setBigInt(slot, BigInt(timestamp) * 1000n);
    (this.own.get('_source_timestamp_day') as Int32State | undefined)?.set(slot, Math.floor(calendarMs(timestamp) / msPerDay));
    (this.own.get('_source_timestamp_hour') as TextState | undefined)?.append(slot, hourText(timestamp));
  }

  private grow(): void {
    this.capacity *= 2;
    for (const state of this.states) state.grow(this.capacity);
  }
}

const lower = (a: bigint, b: bigint) => (a < b ? a : b);
