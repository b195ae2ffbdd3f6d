import type { Logger } from '@millrace/core/adapters/admin/logger.ts';
import type { TableState } from '@millrace/core/delta/snapshot.ts';
import type { Clock } from '@millrace/core/ports/clock.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { checkpointDue } from '../formats/delta/checkpoint.ts';

type Known = { version: bigint; at: number };

/**
 * Decides after each commit whether the table wants a checkpoint and has it written off the commit path: one at a time in a process, never twice for a table at once.
 * A checkpoint is an accelerator for readers: a failure is logged and the next commit asks again.
 */
export class Checkpointer {
  readonly #write: (dataset: string) => Promise<void>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #known = new Map<string, Known>();
  #running: Promise<void> | undefined;

  /** @param write writes the checkpoint of the table's newest version, in a thread of its own */
  constructor(write: (dataset: string) => Promise<void>, clock: Clock, log: Logger) {
    this.#write = write;
    this.#clock = clock;
    this.#log = log;
  }

  /** Looks whether a table wants a checkpoint now. Never rejects and does not wait for the writing. */
  consider(dataset: string, table: ObjectStore, state: TableState): void {
    if (this.#running !== undefined) return;
    const known = this.#known.get(dataset);
    if (known !== undefined && !checkpointDue(state.version, known.version, known.at, this.#clock.now())) return;
    this.#running = this.#run(dataset, table, state)
      .catch((error: unknown) =>
        this.#log.warn({ dataset, err: error }, 'the checkpoint was not written; readers read more commits until the next one is'),
      )
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    await this.#running;
  }

  forget(dataset: string): void {
    this.#known.delete(dataset);
  }

  async #run(dataset: string, table: ObjectStore, state: TableState): Promise<void> {
    const known = this.#known.get(dataset) ?? (await lastCheckpoint(table, state));
    this.#known.set(dataset, known);
    if (!checkpointDue(state.version, known.version, known.at, this.#clock.now())) return;
    await this.#write(dataset);
    this.#known.set(dataset, { version: state.version, at: this.#clock.now() });
  }
}

/** When the last checkpoint was made: by the pointer's own time, else the table's creation. */
async function lastCheckpoint(table: ObjectStore, state: TableState): Promise<Known> {
  const pointer = await table.head('_delta_log/_last_checkpoint');
  return { version: state.checkpointVersion, at: pointer?.lastModifiedMs ?? state.metadata.createdTime ?? 0 };
}
