import { createHash } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import type { TableSchema } from '@millrace/core/domain/table-schema.ts';
import { ArrowParquetEncoder } from '../../src/formats/parquet/arrow-parquet-encoder.ts';
import { classifyChange } from '../../src/infer/classify-change.ts';
import type { SchemaChange } from '../../src/infer/schema-change.ts';
import type { BatchInput, BatchObject, BatchOutput } from '../../src/workers/batch-worker-port.ts';
import { computeBatch } from '../../src/workers/compute-batch.ts';

export const noSchema: TableSchema = { columns: [], partitionColumns: [], undecided: [], maxFieldId: 0 };
export const topicId = 'Mh5vQ2xKRc6dJ0sW8yTb_A';
export const firstTimestamp = Date.UTC(2026, 0, 1, 23, 59, 59);

/** A raw line, by hand. `value` is JSON text, `null` a tombstone, bytes go as base64. */
export function rawLine(
  offset: bigint | number,
  value: string | null | Uint8Array,
  timestamp: number | null = firstTimestamp + Number(offset),
): string {
  const head = `{"offset":${offset},"timestamp":${timestamp},"key":"k"`;
  if (value === null) return `${head},"tombstone":true}\n`;
  if (typeof value === 'string') return `${head},"value":${value}}\n`;
  return `${head},"valueBase64":"${Buffer.from(value).toString('base64')}"}\n`;
}

export function rawObject(lines: string, partition = 0, key = `t/${partition}.jsonl.zst`): BatchObject {
  const bytes = zstdCompressSync(Buffer.from(lines));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return {
    rawObjectKey: key,
    topicId,
    partition,
    bytes,
    sha256,
    linesBytes: Buffer.byteLength(lines),
    startOffset: 0n,
    endOffset: 2n ** 63n - 1n,
  };
}

/** One object of these values at offsets 0, 1, 2 … */
export function objectOf(values: (string | null | Uint8Array)[], partition = 0): BatchObject {
  return rawObject(values.map((value, offset) => rawLine(offset, value)).join(''), partition);
}

export function batchOf(objects: BatchObject[], options: Partial<BatchInput> = {}): BatchInput {
  return {
    schema: noSchema,
    datasetName: 'd',
    topic: 't',
    pkFields: [],
    partitionKeys: [],
    objects,
    decisions: [],
    targetFileBytes: 128 * 1024 * 1024,
    tablePartitionsPerCommitMax: 100,
    ...options,
  };
}

export const encoder = new ArrowParquetEncoder();

/** Builds a batch under the schema it needs, as the table's loop does. */
export function settle(input: BatchInput): { output: BatchOutput; change: SchemaChange; schema: TableSchema } {
  let change: SchemaChange = { kind: 'NONE', newSchema: input.schema, diff: [] };
  let { schema } = input;
  for (let round = 0; round < 3; round++) {
    const output = computeBatch({ ...input, schema }, encoder);
    if (output.status !== 'deviates') return { output, change, schema };
    change = classifyChange(schema, output.evidence, input.partitionKeys);
    if (change.kind === 'BREAKING') return { output, change, schema };
    schema = change.newSchema;
  }
  throw new Error('the schema does not settle');
}

/** `settle` for batches that must become files. */
export function build(input: BatchInput): { output: Extract<BatchOutput, { status: 'built' }>; change: SchemaChange; schema: TableSchema } {
  const { output, change, schema } = settle(input);
  if (output.status !== 'built')
    throw new Error(
      `not built: ${output.status} ${JSON.stringify(change.diff, (_, value) => (typeof value === 'bigint' ? String(value) : value))}`,
    );
  return { output, change, schema };
}

/** Columns as `name type` lines, without our own. */
export function dataColumns(schema: TableSchema, typeText: (type: TableSchema['columns'][number]['type']) => string): string[] {
  return schema.columns.filter((column) => column.origin === 'data').map((column) => `${column.name} ${typeText(column.type)}`);
}
