import { parentPort } from 'node:worker_threads';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { ArrowParquetEncoder } from '../formats/parquet/arrow-parquet-encoder.ts';
import type { ParquetEncoder } from '../formats/parquet/parquet-encoder.ts';
import { computeBatch } from './compute-batch.ts';
import type { WorkerReply, WorkerRequest } from './worker-messages.ts';

/* The thread or process behind WorkerPool: one batch at a time, nothing kept between them. */

const encoder = new ArrowParquetEncoder();
/** ms that the batch under way has spent in the encoder */
let encodeMs = 0;
const timedEncoder: ParquetEncoder = {
  encode(columns, rows) {
    const from = performance.now();
    const bytes = encoder.encode(columns, rows);
    encodeMs += performance.now() - from;
    return bytes;
  },
  heldBytes: () => encoder.heldBytes(),
};

if (parentPort === null) {
  process.on('message', ({ input }: WorkerRequest) => void process.send?.(answer(input).reply));
  process.on('disconnect', () => process.exit(0));
  // the process it belongs to decides when it ends
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => undefined);
} else
  parentPort.on('message', ({ input }: WorkerRequest) => {
    const { reply, transfer } = answer(input);
    parentPort?.postMessage(reply, transfer);
  });

function answer(input: WorkerRequest['input']): { reply: WorkerReply; transfer: ArrayBuffer[] } {
  try {
    encodeMs = 0;
    const from = performance.now();
    const output = computeBatch(input, timedEncoder);
    const times = { computeMs: performance.now() - from, encodeMs };
    const transfer = output.status === 'built' ? output.files.map((file) => file.bytes.buffer as ArrayBuffer) : [];
    return { reply: { output: { ...output, times }, heldBytes: encoder.heldBytes() }, transfer };
  } catch (error) {
    return { reply: { error: describe(error) }, transfer: [] };
  }
}

function describe(error: unknown): Extract<WorkerReply, { error: unknown }>['error'] {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  if (error instanceof MillraceError) return { kind: error.kind, code: error.code, message: error.message, fields: error.fields, stack };
  const message = error instanceof Error ? error.message : String(error);
  return { kind: 'internal', code: 'batch_failed', message: `The batch worker failed: ${message}`, fields: {}, stack };
}
