import { announcementPartition } from '@millrace/core/domain/announcement.ts';

/**
 * Which datasets a process works on, from what its consumer group has said. A dataset belongs to whoever holds its topic's partition of the internal topic.
 * Two workers on one dataset are wasteful, never wrong; a dataset nobody works on waits: so in doubt a worker works.
 */
export type Share = {
  /** of the internal topic; 0: not known, or it is not there */
  partitions: number;
  /** the group has given an assignment, perhaps an empty one */
  joined: boolean;
  /** without an assignment: true when there is none to be waited for (any more), so everything is worked on */
  alone: boolean;
  held: ReadonlySet<number>;
  /** taken from us while we could not be asked: worked on until the group speaks again */
  fading: ReadonlySet<number>;
};

export const beforeJoining: Share = { partitions: 0, joined: false, alone: false, held: new Set(), fading: new Set() };

/** True when datasets of the topic are this process's work. Pure. */
export function holdsTopic(share: Share, topic: string): boolean {
  if (share.partitions === 0 || !share.joined) return share.alone;
  const partition = announcementPartition(topic, share.partitions);
  return share.held.has(partition) || share.fading.has(partition);
}

/** The group gave partitions: it has spoken, so what faded is somebody's now. Pure. */
export function assigned(share: Share, partitions: readonly number[]): Share {
  return { ...share, joined: true, held: new Set([...share.held, ...partitions]), fading: new Set() };
}

/** The group takes partitions back in good order. Pure. */
export function revoked(share: Share, partitions: readonly number[]): Share {
  return { ...share, held: without(share.held, partitions) };
}

/** The group is out of reach, or has given partitions away without us: Kafka may be away for everybody, so their datasets are gone on with. Pure. */
export function lost(share: Share, partitions: readonly number[]): Share {
  return { ...share, held: without(share.held, partitions), fading: new Set([...share.fading, ...partitions]) };
}

/** The internal topic has so many partitions now; 0: it is not there and cannot be made. Pure. */
export function counted(share: Share, partitions: number): Share {
  return { ...share, partitions, alone: share.alone || partitions === 0 };
}

/** An assignment was waited for long enough. Pure. */
export function waitedEnough(share: Share): Share {
  return { ...share, alone: true };
}

function without(held: ReadonlySet<number>, partitions: readonly number[]): Set<number> {
  return new Set([...held].filter((partition) => !partitions.includes(partition)));
}
