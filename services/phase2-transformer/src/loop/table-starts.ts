import { readEntry } from '@millrace/core/chain/entries.ts';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { type SourcePartition, sourceKey } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import type { PartitionStart } from '../plan/ledger-sums.ts';
import type { ChainPosition } from './chain-follower.ts';
import type { TableHead } from './table-head.ts';
import { resolveTableStart } from './table-start.ts';

/** Where a table begins on its chains, as far as it was asked. */
export class TableStarts {
  readonly #deps: Parameters<typeof resolveTableStart>[0] & { raw: ObjectStore };
  /** of chains the ledger did not name when they were found */
  readonly starts = new Map<string, PartitionStart>();
  /** landed records before the table's start, per source */
  readonly skipped = new Map<string, { startOffset: bigint; endOffset: bigint }>();

  constructor(deps: Parameters<typeof resolveTableStart>[0] & { raw: ObjectStore }) {
    this.#deps = deps;
  }

  /** Where reading of a chain begins: the table's own position wins over every start (R6). Undefined while it is not decided. */
  async locate(dataset: Dataset, head: TableHead, source: SourcePartition, signal: AbortSignal): Promise<ChainPosition | undefined> {
    const key = sourceKey(source);
    const partition = head.ledger?.partitions.find((known) => sourceKey(known) === key);
    if (partition !== undefined) {
      await this.#noteSkipped(dataset, source, partition.startOffset, signal);
      return { source, position: partition.position, seq: partition.seq };
    }
    const start = await resolveTableStart(this.#deps, dataset, source, signal);
    if (start === undefined) return undefined;
    this.starts.set(key, { topic: start.topic, source, startOffset: start.startOffset, seq: start.seq });
    await this.#noteSkipped(dataset, source, start.startOffset, signal);
    return { source, position: start.startOffset, seq: start.seq };
  }

  /** What `startFrom` latest leaves out is said. One GET a chain. */
  async #noteSkipped(dataset: Dataset, source: SourcePartition, startOffset: bigint, signal: AbortSignal): Promise<void> {
    if (dataset.startFrom !== 'latest') return;
    const first = await readEntry(this.#deps.raw, dataset.kafkaTopic, source, 0n, signal);
    if (first === undefined || first.startOffset >= startOffset) this.skipped.delete(sourceKey(source));
    else this.skipped.set(sourceKey(source), { startOffset: first.startOffset, endOffset: startOffset });
  }
}
