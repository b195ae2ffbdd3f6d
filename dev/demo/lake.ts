import { someRows } from '@millrace/cli/demo/rows.ts';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { discoverPartitions, discoverTopicIds } from '@millrace/core/chain/discover.ts';
import { findTail } from '@millrace/core/chain/tail.ts';
import { readTableState } from '@millrace/core/delta/snapshot.ts';
import { positionAppId } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { scopedStore } from '@millrace/core/stores/scoped-store.ts';

/** How far raw and table are, as the stores themselves say: next offsets summed over all partitions, and when that was reached (ISO 8601). */
export type LakeState = { landed: bigint; landedAt: string | undefined; committed: bigint; tableVersion: bigint | undefined };

/** The stores of the demo, read directly: what they say is the truth, whatever the services report. */
export class Lake {
  readonly raw: ObjectStore;
  readonly table: ObjectStore;
  readonly #tables: ObjectStore;
  readonly #topic: string;

  constructor(rawUrl: string, tablesUrl: string, dataset: string, topic: string, forcePathStyle: boolean) {
    this.raw = openObjectStore(rawUrl, { forcePathStyle });
    this.#tables = openObjectStore(tablesUrl, { forcePathStyle });
    this.table = scopedStore(this.#tables, dataset);
    this.#topic = topic;
  }

  async state(): Promise<LakeState> {
    const table = await readTableState(this.table);
    const found: LakeState = { landed: 0n, landedAt: undefined, committed: 0n, tableVersion: table?.version };
    for (const topicId of await discoverTopicIds(this.raw, this.#topic)) {
      for (const partition of await discoverPartitions(this.raw, this.#topic, topicId)) {
        const tail = await findTail(this.raw, this.#topic, { topicId, partition });
        if (tail === undefined) continue;
        found.landed += tail.endOffset;
        if (tail.kind === 'data' && (found.landedAt === undefined || tail.createdAt > found.landedAt)) found.landedAt = tail.createdAt;
        found.committed += table?.txns.get(positionAppId({ topicId, partition })) ?? 0n;
      }
    }
    return found;
  }

  /** Five rows as text of at most `widthMax` columns; undefined while the table holds none. */
  someRows(widthMax: number): Promise<string | undefined> {
    return someRows(this.table, widthMax);
  }

  async close(): Promise<void> {
    await Promise.all([this.raw.close(), this.#tables.close()]);
  }
}
