import { isKind } from '@millrace/core/domain/errors.ts';
import { compileAppend } from '../columns/append-code.ts';
import { deltaStats } from '../columns/delta-stats.ts';
import { type PartitionValue, partitionValues, type RowSource } from '../columns/partition-values.ts';
import { TableBuilder } from '../columns/table-builder.ts';
import { scalarText } from '../columns/text-state.ts';
import { DecisionCover } from '../decode/decisions.ts';
import { mayHoldLargeInteger, parseExact, withPrefixedNames } from '../decode/exact-json.ts';
import type { JsonObject } from '../decode/json-value.ts';
import { type OpenObject, openRawObject } from '../decode/open-object.ts';
import { parseRecord, valueMayHideFraction, valueText } from '../decode/record-value.ts';
import type { ParquetEncoder } from '../formats/parquet/parquet-encoder.ts';
import { DataError, dataErrorStages, findDataError, findMisfits, valueAt } from '../infer/data-errors.ts';
import { emptyEvidence, mergeEvidence } from '../infer/evidence-join.ts';
import { observe } from '../infer/observe.ts';
import { parsePartitionKeys } from '../infer/own-columns.ts';
import { parseFieldPath } from '../infer/paths.ts';
import { schemaTree } from '../infer/schema-tree.ts';
import type { BatchInput, BatchObject, BatchOutput, BuiltFile, SourceCounts } from './batch-worker-port.ts';
import { QuarantineRuns } from './quarantine-runs.ts';

/** Runs one batch to its end. Synchronous: for a worker thread. Pure but for the encoder. @see BatchCompute.build */
export function computeBatch(input: BatchInput, encoder: ParquetEncoder): BatchOutput {
  const run = new BatchRun(input, encoder);
  const objects = [...input.objects].sort(
    (a, b) => compareText(a.topicId, b.topicId) || a.partition - b.partition || compareOffsets(a.startOffset, b.startOffset),
  );
  for (const object of objects) {
    try {
      run.object(object);
    } catch (error) {
      if (error === tooManyPartitions)
        return { status: 'too_many_table_partitions', max: input.tablePartitionsPerCommitMax, first: { ...run.position(), ordinal: 0 } };
      if (isKind(error, 'corrupt')) return { status: 'corrupt', rawObjectKey: object.rawObjectKey, message: error.message };
      throw error;
    }
  }
  return run.finish();
}

const tooManyPartitions = new Error('too many table partitions');
const prefix = 'k';

class BatchRun {
  private readonly input: BatchInput;
  private readonly encoder: ParquetEncoder;
  private readonly keyPaths: string[][];
  private readonly tree;
  private readonly append;
  private readonly partition: PartitionValue[];
  private evidence = emptyEvidence();
  /** what the current raw object adds to it */
  private objectEvidence = emptyEvidence();
  private readonly counts = new Map<string, SourceCounts>();
  private readonly quarantine = new QuarantineRuns();
  private readonly builders = new Map<string, TableBuilder>();
  private readonly files: BuiltFile[] = [];
  private readonly hasTable: boolean;
  private readonly exactly: 'exact' | 'text';
  private deviates: boolean;
  /** a record held an integer beyond 2^53: look for them before the first parse */
  private expectsLarge = false;
  private readonly tablePartitions = new Set<string>();

  private source: RowSource = { topic: '', topicId: '', partition: 0, offset: 0, offsetExact: 0n, timestamp: 0 };
  private cover = new DecisionCover([], '');
  private current: SourceCounts = { topicId: '', partition: 0, committed: 0, quarantined: {}, dropped: {} };

  constructor(input: BatchInput, encoder: ParquetEncoder) {
    this.input = input;
    this.encoder = encoder;
    this.hasTable = input.schema.columns.length > 0;
    this.exactly = input.schema.columns.some((column) => column.scalarsAsText) ? 'text' : 'exact';
    this.deviates = !this.hasTable;
    this.keyPaths = input.pkFields.map(parseFieldPath);
    this.tree = schemaTree(input.schema, parsePartitionKeys(input.partitionKeys));
    this.append = compileAppend(input.schema, this.tree);
    this.partition = this.hasTable ? partitionValues(input.schema, input.partitionKeys) : [];
  }

  position() {
    const { topicId, partition } = this.source;
    return { topicId, partition, offset: this.offset() };
  }

  object(object: BatchObject): void {
    const { topicId, partition, rawObjectKey } = object;
    const sourceKey = `${topicId}/${partition}`;
    const lines = openRawObject(rawObjectKey, object.bytes, object.sha256, object.linesBytes);
    const { cursor } = lines;
    this.source = { topic: this.input.topic, topicId, partition, offset: 0, offsetExact: 0n, timestamp: 0 };
    this.cover = new DecisionCover(this.input.decisions, sourceKey);
    let counts = this.counts.get(sourceKey);
    if (counts === undefined) {
      counts = { topicId, partition, committed: 0, quarantined: {}, dropped: {} };
      this.counts.set(sourceKey, counts);
    }
    this.current = counts;
    const startNumber = Number(object.startOffset);
    const endNumber = Number(object.endOffset);
    while (cursor.next()) {
      const isSafe = Number.isSafeInteger(cursor.offsetNumber);
      this.source.offset = isSafe ? cursor.offsetNumber : Number.NaN;
      if (!isSafe) this.source.offsetExact = cursor.offset();
      if (this.isBelow(object.startOffset, startNumber)) continue;
      if (!this.isBelow(object.endOffset, endNumber)) break;
      this.source.timestamp = cursor.timestamp;
      this.record(lines, rawObjectKey);
    }
    if (this.objectEvidence.fieldCount === 0) return;
    this.evidence = mergeEvidence(this.evidence, this.objectEvidence);
    this.objectEvidence = emptyEvidence();
  }

  finish(): BatchOutput {
    if (this.deviates) return { status: 'deviates', evidence: this.evidence };
    for (const builder of this.builders.values()) this.encode(builder);
    return { status: 'built', files: this.files, counts: [...this.counts.values()], quarantine: this.quarantine.ranges };
  }

  private record(lines: OpenObject, rawObjectKey: string): void {
    const { cursor } = lines;
    if (cursor.kind === 'tombstone') {
      this.current.dropped.tombstone = (this.current.dropped.tombstone ?? 0) + 1;
      return;
    }
    const error = this.place(lines);
    if (error === undefined) return;
    this.current.quarantined[error.reason] = (this.current.quarantined[error.reason] ?? 0) + 1;
    const stage = dataErrorStages[error.reason];
    this.quarantine.add(rawObjectKey, this.source.topicId, this.source.partition, cursor.line, this.offset(), stage, error);
  }

  /** Gives a record its place: a row, evidence, or the error it is set aside for. */
  private place(lines: OpenObject): DataError | undefined {
    const text = valueText(lines);
    if (typeof text !== 'string') return text;
    const isExact = valueMayHideFraction(lines) || (this.expectsLarge && mayHoldLargeInteger(text));
    const plain = parseRecord(text, isExact ? this.exactly : 'plain');
    if (plain instanceof DataError) return plain;
    if (!this.hasTable) return this.examine(text, plain);
    if (this.addRow(plain, text.length)) return undefined;
    if (isExact) return this.examine(text, plain);
    const exact = parseRecord(text, this.exactly);
    if (exact instanceof DataError) return exact;
    if (!this.addRow(exact, text.length)) return this.examine(text, exact);
    this.expectsLarge = true;
    return undefined;
  }

  private addRow(record: JsonObject, textLength: number): boolean {
    for (const path of this.keyPaths) if (isMissing(record, path)) return false;
    const values: (string | null)[] = [];
    for (const { read } of this.partition) {
      const value = read(record, this.source);
      if (value === undefined) return false;
      values.push(value);
    }
    const builder = this.builderFor(values);
    if (!builder.add(record, this.source, textLength)) {
      if (builder.rows === 0) this.builders.delete(valuesKey(values));
      return false;
    }
    if (builder.rows === 1) this.countTablePartition(valuesKey(values));
    this.current.committed++;
    if (builder.isFull(this.input.targetFileBytes) && !this.deviates) {
      this.encode(builder);
      this.builders.delete(valuesKey(values));
    }
    return true;
  }

  /** The slow way, for records that do not fit: judges them exactly. */
  private examine(text: string, parsed: JsonObject): DataError | undefined {
    let record = parsed;
    let error = findDataError(record, this.keyPaths);
    if (error === 'needs_exact') {
      this.expectsLarge = true;
      const exact = parseRecord(text, this.exactly);
      if (exact instanceof DataError) return exact;
      record = exact;
      error = findDataError(record, this.keyPaths);
    }
    if (error !== undefined) return error as DataError;
    const { misfits, inexact } = findMisfits(this.tree, record);
    if (inexact !== undefined) return inexact;
    const offset = this.offset();
    const covered = this.cover.at(offset);
    const misfit = covered === undefined ? undefined : misfits.find(({ path, kind }) => covered(path, kind));
    if (misfit !== undefined) return new DataError('type_mismatch', `${misfit.kind} at ${misfit.path}, set aside by decision`);
    this.deviates = true;
    const prefixed = withPrefixedNames(text, prefix);
    const ordered = prefixed === undefined ? record : (parseExact(prefixed, false) as JsonObject);
    const { topicId, partition } = this.source;
    observe(this.objectEvidence, {
      record: ordered,
      namePrefix: prefixed === undefined ? 0 : prefix.length,
      topicId,
      partition,
      offset,
      covered,
    });
    return undefined;
  }

  private builderFor(values: (string | null)[]): TableBuilder {
    const key = valuesKey(values);
    let builder = this.builders.get(key);
    if (builder === undefined) {
      builder = new TableBuilder(this.input.schema, this.append, this.partition, values);
      this.builders.set(key, builder);
    }
    return builder;
  }

  private countTablePartition(key: string): void {
    this.tablePartitions.add(key);
    if (this.tablePartitions.size > this.input.tablePartitionsPerCommitMax) throw tooManyPartitions;
  }

  private encode(builder: TableBuilder): void {
    if (builder.rows === 0) return;
    const columns = builder.finish();
    this.files.push({
      partitionValues: Object.fromEntries(this.partition.map(({ column }, i) => [column, builder.values[i] ?? null])),
      bytes: this.encoder.encode(columns, builder.rows),
      numRecords: builder.rows,
      stats: deltaStats(columns, builder.rows, this.input.schema.partitionColumns),
      sources: builder.sources(),
    });
  }

  private offset(): bigint {
    return Number.isNaN(this.source.offset) ? this.source.offsetExact : BigInt(this.source.offset);
  }

  private isBelow(bound: bigint, boundNumber: number): boolean {
    if (Number.isSafeInteger(boundNumber) && !Number.isNaN(this.source.offset)) return this.source.offset < boundNumber;
    return this.offset() < bound;
  }
}

function isMissing(record: JsonObject, path: readonly string[]): boolean {
  const value = valueAt(record, path);
  if (value === undefined || value === null) return true;
  return typeof value === 'object' && scalarText(value) === null;
}

function valuesKey(values: readonly (string | null)[]): string {
  return values.map((value) => (value === null ? '-' : `${value.length}:${value}`)).join('');
}

const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const compareOffsets = (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0);
