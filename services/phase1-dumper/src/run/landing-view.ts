import type { ClusterChange, HeldBack, SuspectedLoss } from '@millrace/core/domain/losses.ts';
import type { OwnedChain } from './publish.ts';

/**
 * `claiming` → `running` → back to `claiming` when fenced (after a wait) or when the topic was made again;
 * `stopped` waits for a person; `released` is the end: the group took the partition away.
 */
export type LandingState = 'claiming' | 'running' | 'stopped' | 'released';

/** What the status shows of a partition. `received`: next offset that will arrive, ahead of `landed` by what is buffered. */
export type LandingView = {
  state: LandingState;
  reason: string | null;
  notice: string | null;
  chain: OwnedChain | null;
  received: bigint | null;
  /** Kafka timestamp (ms) of the oldest record that is held and not landed; null when none is held, or it has none */
  oldestTimestamp: number | null;
  end: bigint | null;
  /** what a person has to decide about; null while nothing is missing */
  loss: SuspectedLoss | null;
  heldBack: HeldBack | null;
  clusterChange: ClusterChange | null;
};
