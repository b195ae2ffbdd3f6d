import { describeError } from '@millrace/core/domain/errors.ts';
import type { BatchLimits, PendingPiece } from '../plan/batches.ts';
import type { Block } from '../plan/block.ts';
import { afterBatch, afterWorkerLoss, isWorkerLoss, limitsAfter, noLosses, workerLossBlock } from '../plan/worker-losses.ts';

/** What became of the batches one leg tried lately, and what the next one may be. The rules are in `plan/worker-losses`. */
export class BatchTries {
  #losses = noLosses;
  /** what the batch under way was planned from; undefined while there is none */
  #taken: readonly PendingPiece[] | undefined;
  #eager = false;
  #failed = false;

  /** The leg failed in a batch, and none has been committed since. */
  get hasFailed(): boolean {
    return this.#failed;
  }

  /** A batch failed or waited for a person: its pieces have waited long enough. */
  get isEager(): boolean {
    return this.#eager;
  }

  limits(limits: BatchLimits): BatchLimits {
    return limitsAfter(this.#losses, limits);
  }

  begin(pieces: readonly PendingPiece[]): void {
    this.#taken = pieces;
  }

  /** The batch under way has an ending, whichever. */
  end(): void {
    this.#taken = undefined;
  }

  /** The table has it. */
  committed(): void {
    this.#losses = afterBatch(this.#losses);
    this.#eager = false;
    this.#failed = false;
  }

  /** The next batch is not to wait for more. */
  hurry(): void {
    this.#eager = true;
  }

  /** The leg failed, in a batch or between two. @returns the block when a single raw object has taken too many workers with it */
  fail(error: unknown, dataset: string): Block | undefined {
    const taken = this.#taken;
    this.#taken = undefined;
    this.#failed = taken !== undefined;
    this.#eager = taken !== undefined;
    if (taken === undefined || !isWorkerLoss(error)) return undefined;
    this.#losses = afterWorkerLoss(this.#losses, taken);
    const block = workerLossBlock(this.#losses, taken, describeError(error), dataset);
    if (block !== undefined) this.#losses = { ...this.#losses, lone: undefined };
    return block;
  }
}
