import type { Announcement } from '@millrace/core/domain/announcement.ts';

/** Which datasets are this process's work. */
export interface WorkShare {
  /** Whether datasets of the topic are ours now. Must not throw or block. */
  holds(topic: string): boolean;
}

/** What the one who shares out the work says. */
export interface ShareHandler {
  /** `holds` may say yes where it said no. */
  gained(): void;
  /** `holds` says no where it said yes: ends that work in good order, within its own bound, and resolves. The whole group waits meanwhile. */
  released(): Promise<void>;
  /** A chain entry was announced; it may be one known already, or one that was announced before. */
  announced(news: Announcement): void;
  /** Whether nothing of the announced entry waits for a table of ours (any more, or until a person decides). */
  isDone(news: Announcement): boolean;
}
