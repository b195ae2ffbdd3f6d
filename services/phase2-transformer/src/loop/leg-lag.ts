import type { Announcement } from '@millrace/core/domain/announcement.ts';
import type { TableReport } from '@millrace/core/domain/reports.ts';
import { sourceKey } from '@millrace/core/domain/source.ts';
import { oldestWaiting } from '../plan/waiting.ts';
import type { ChainFollower } from './chain-follower.ts';

/** How far a table is behind what has landed, as metrics show it. Seconds are 0 when nothing waits. */
export type TableLag = {
  offsets: bigint;
  /** since the oldest entry that is not in the table landed */
  landedSeconds: number;
  /** age of the oldest landed record that is not in the table, by Kafka's timestamp */
  recordSeconds: number;
};

/**
 * What is known of a leg's lag, for metrics only. It outlives the leg's failures: while nothing can be read, what was seen last goes on ageing.
 * Ends that were announced count though nothing of them was read yet, since reading ahead is bounded.
 */
export class LegLag {
  #follower: ChainFollower | undefined;
  readonly #announced = new Map<string, bigint>();

  /** The follower has looked at its chains: from now on what it holds is what waits, and where it came to the end nothing else was announced rightly. */
  looked(follower: ChainFollower): void {
    this.#follower = follower;
    if (this.#announced.size > 0) for (const key of follower.atEnd()) this.#announced.delete(key);
  }

  announced(news: Announcement): void {
    const key = sourceKey(news);
    if (news.endOffset > (this.#announced.get(key) ?? -1n)) this.#announced.set(key, news.endOffset);
  }

  /** @param partitions positions as reported @param now ms since 1970 */
  at(partitions: TableReport['partitions'], now: number): TableLag {
    const landed = this.#follower?.landed();
    let offsets = 0n;
    for (const partition of partitions) {
      const key = sourceKey(partition);
      let end = partition.landed;
      for (const known of [landed?.get(key), this.#announced.get(key)]) if (known !== undefined && known > end) end = known;
      offsets += end - partition.position;
    }
    const stopped = this.#follower?.stops().map(({ piece }) => [piece]) ?? [];
    const { landedAt, timestamp } = oldestWaiting([...(this.#follower?.pending() ?? []), ...stopped]);
    const since = (time: number | undefined) => (time === undefined ? 0 : Math.max(0, now - time) / 1000);
    return { offsets, landedSeconds: since(landedAt), recordSeconds: since(timestamp ?? landedAt) };
  }
}
