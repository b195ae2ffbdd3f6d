import type { Announcement } from '@millrace/core/domain/announcement.ts';

/** Tells phase 2 of chain entries that stand. Best effort by contract: nothing waits for it, and whatever it loses is found by looking at the chain. */
export interface Announcer {
  /** Takes one in and returns at once; beyond a bounded queue it is dropped and counted. Never throws. */
  announce(news: Announcement): void;
  /** Why nothing can be announced now, for people; null while it can. */
  notice(): string | null;
}
