import { parseCommit } from '@millrace/core/delta/actions.ts';
import { deltaCommitKey } from '@millrace/core/domain/keys.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';

/** Commits read at most: many that do not move the partition may lie side by side. */
const commitsReadMax = 2_000;

/** The commit that took a position past an offset. */
export type PositionCommit = {
  version: bigint;
  /** false: older commits were cleaned away, so it may have been one of them */
  exact: boolean;
  /** ISO 8601 UTC by the writer's clock; null when the commit does not tell */
  at: string | null;
  attemptId: string | null;
};

/**
 * The first commit whose `txn` for `appId` lies beyond `offset`: that commit put the offset's record into the table, into quarantine or past a gap.
 * Positions only rise, so it is searched by halves; a commit that does not move this partition is passed over. About log2(versions) requests when most commits do.
 * @param newest version of the table
 * @returns undefined when none tells, or after a bounded number of commits
 */
export async function findPositionCommit(
  table: ObjectStore,
  appId: string,
  offset: bigint,
  newest: bigint,
): Promise<PositionCommit | undefined> {
  let low = 0n;
  let high = newest;
  let cleanedTo = 0n;
  let found: Omit<PositionCommit, 'exact'> | undefined;
  for (let read = 0; low <= high; ) {
    const middle: bigint = (low + high) / 2n;
    let at = middle;
    let commit: Moved;
    for (; at >= low && read < commitsReadMax; at--, read++) {
      commit = await positionOf(table, appId, at);
      if (commit === undefined || commit.position !== undefined) break;
    }
    if (read >= commitsReadMax) return undefined;
    if (at < low) low = middle + 1n;
    else if (commit === undefined) {
      cleanedTo = at + 1n;
      low = middle + 1n;
    } else if (commit.position !== undefined && commit.position > offset) {
      found = { version: at, at: commit.at, attemptId: commit.attemptId };
      high = at - 1n;
    } else low = middle + 1n;
  }
  return found === undefined ? undefined : { ...found, exact: cleanedTo === 0n || found.version > cleanedTo };
}

type Moved = { position: bigint | undefined; at: string | null; attemptId: string | null } | undefined;

/** What a commit says of a position; undefined when the commit is not there. */
async function positionOf(table: ObjectStore, appId: string, version: bigint): Promise<Moved> {
  const key = deltaCommitKey(version);
  const bytes = await table.get(key);
  if (bytes === undefined) return undefined;
  const moved: NonNullable<Moved> = { position: undefined, at: null, attemptId: null };
  for (const action of parseCommit(bytes, `${table.url}/${key}`, 'state')) {
    if ('txn' in action && action.txn.appId === appId) moved.position = action.txn.version;
    if ('commitInfo' in action) {
      const { timestamp, txnId } = action.commitInfo;
      if (typeof timestamp === 'number') moved.at = new Date(timestamp).toISOString();
      if (typeof txnId === 'string') moved.attemptId = txnId;
    }
  }
  return moved;
}
