import type { Announcement } from '@millrace/core/domain/announcement.ts';

/** Announcements kept of one partition at most; the oldest beyond it count as done, so the lag told is too small rather than memory too large. */
const keptMax = 10_000;

type Kept = { offset: number; news: Announcement };

/**
 * Announcements heard and not yet in tables, per partition of the internal topic. What the group is told as committed is the end of the run that is done:
 * its lag is then the number of entries that wait for a table, which is what an autoscaler needs to see.
 */
export class AnnouncementBacklog {
  readonly #kept = new Map<number, Kept[]>();
  /** next offset per partition, and the one last told */
  readonly #next = new Map<number, number>();
  readonly #told = new Map<number, number>();

  /** @param news undefined for a message that is no announcement: done at once */
  add(partition: number, offset: number, news: Announcement | undefined): void {
    this.#next.set(partition, offset + 1);
    if (news === undefined) return;
    const kept = this.#kept.get(partition) ?? [];
    this.#kept.set(partition, kept);
    kept.push({ offset, news });
    if (kept.length > keptMax) kept.shift();
  }

  /** The partition is somebody else's now. */
  forget(partition: number): void {
    for (const known of [this.#kept, this.#next, this.#told]) known.delete(partition);
  }

  /** The group may have refused what it was told, as it does while it shares out anew: everything is told once more. */
  tellAgain(): void {
    this.#told.clear();
  }

  /** Takes off what is done from the front, and returns the next offset of each partition where that moved. */
  settle(isDone: (news: Announcement) => boolean): { partition: number; offset: number }[] {
    const moved: { partition: number; offset: number }[] = [];
    for (const [partition, next] of this.#next) {
      const kept = this.#kept.get(partition) ?? [];
      const waiting = kept.findIndex(({ news }) => !isDone(news));
      kept.splice(0, waiting < 0 ? kept.length : waiting);
      const offset = kept[0]?.offset ?? next;
      if (offset === this.#told.get(partition)) continue;
      this.#told.set(partition, offset);
      moved.push({ partition, offset });
    }
    return moved;
  }
}
