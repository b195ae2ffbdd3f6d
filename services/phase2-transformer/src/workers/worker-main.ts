import { parentPort } from 'node:worker_threads';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { ArrowParquetEncoder } from '../formats/parquet/arrow-parquet-encoder.ts';
import { computeBatch } from './compute-batch.ts';
import type { WorkerReply, WorkerRequest } from './worker-messages.ts';

/* The thread or process behind WorkerPool: one batch at a time, nothing kept between them. */

const encoder = new ArrowParquetEncoder();

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
    const output = computeBatch(input, encoder);
    const transfer = output.status === 'built' ? output.files.map((file) => file.bytes.buffer as ArrayBuffer) : [];
    return { reply: { output, heldBytes: encoder.heldBytes() }, transfer };
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
