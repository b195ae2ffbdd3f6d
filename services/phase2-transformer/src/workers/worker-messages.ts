import type { ErrorFields, ErrorKind } from '@millrace/core/domain/errors.ts';
import type { BatchInput, BatchOutput, BatchTimes } from './batch-worker-port.ts';

/** To a worker: one batch. It answers once and takes the next. */
export type WorkerRequest = { input: BatchInput };

/** From a worker: the end of the batch, and the memory its encoder will never give back. */
export type WorkerReply =
  | { output: BatchOutput & { times?: BatchTimes }; heldBytes: number }
  | { error: { kind: ErrorKind; code: string; message: string; fields: ErrorFields; stack: string } };
