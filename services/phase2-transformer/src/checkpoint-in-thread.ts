import { Worker } from 'node:worker_threads';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { CheckpointThreadData, CheckpointThreadReply } from './checkpoint-thread.ts';

/** A checkpoint that takes longer is given up, ms. */
const deadlineMs = 600_000;

/**
 * Writes the checkpoint of a table's newest version in a thread of its own.
 * @throws kind `unavailable`, code `checkpoint_failed`
 */
export async function checkpointInThread(data: CheckpointThreadData): Promise<void> {
  const worker = new Worker(new URL('./checkpoint-thread.ts', import.meta.url), { workerData: data, name: 'delta-checkpoint' });
  worker.unref();
  const timer = setTimeout(() => void worker.terminate(), deadlineMs);
  timer.unref();
  try {
    const { error } = await new Promise<CheckpointThreadReply>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`the thread ended with code ${code}`)));
    });
    if (error !== undefined) throw new Error(error);
  } catch (cause) {
    throw new MillraceError(
      'unavailable',
      'checkpoint_failed',
      `the checkpoint of ${data.dataset} was not written`,
      { dataset: data.dataset },
      cause,
    );
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}
