import type { AddFile, RemoveFile } from '@millrace/core/delta/actions.ts';
import type { DeltaCommit, TableState } from '@millrace/core/delta/snapshot.ts';
import { ledgerAppId } from '@millrace/core/domain/source.ts';
import { type Block, evaluateAgain } from './block.ts';
import { checkProtocol } from './guards.ts';

/** What a commit was planned over: the table's version, its ledger head and the positions it moves (appId → version; undefined: none yet). */
export type CommitBase = { version: bigint; ledgerId: bigint | undefined; positions: ReadonlyMap<string, bigint | undefined> };

/** What to do with a commit that lost its version, or whose outcome has just been settled. */
export type Settlement =
  /** somebody else moved a position of this batch: another worker has it. Its files are dropped. */
  | { do: 'drop'; moved: string[] }
  /** positions are the same but columns, partitioning or the ledger's author changed under us: plan the batch again over the new table */
  | { do: 'plan_again'; why: string }
  /** go on at the next version: with the same ledger id over the same head, with a new ledger object and id over a new head */
  | { do: 'commit_again'; ledger: 'same' | 'new' }
  | { do: 'block'; block: Block };

/**
 * Exact rule R4, after the outcome is known: positions moved → drop; positions same and ledger head moved → a new ledger object with a new id over the new
 * head; head same → the same ledger id again. Nothing is re-used over another head. Pure.
 * Judged first, against every winning commit: a foreign protocol, changed metadata, removed rows.
 */
export function settle(base: CommitBase, now: TableState, winners: readonly DeltaCommit[], name: string): Settlement {
  const moved = [...base.positions].filter(([appId, position]) => now.txns.get(appId) !== position).map(([appId]) => appId);
  if (moved.length > 0) return { do: 'drop', moved };
  const block = checkProtocol(now.protocol, name) ?? checkForeign(winners, name);
  if (block !== undefined) return { do: 'block', block };
  if (winners.some((winner) => winner.actions.some((action) => 'metaData' in action)))
    return { do: 'plan_again', why: 'the table has new metadata' };
  return { do: 'commit_again', ledger: now.txns.get(ledgerAppId) === base.ledgerId ? 'same' : 'new' };
}

/** True for a commit of Millrace: it moves the ledger. Pure. */
export function isOurs(commit: DeltaCommit): boolean {
  return commit.actions.some((action) => 'txn' in action && action.txn.appId === ledgerAppId);
}

/** Files that commits of others removed with `dataChange`: rows that are gone from the table (Spark's RESTORE or DELETE). Pure. */
export function foreignRemovals(commits: readonly DeltaCommit[]): { version: bigint; operation: string; removes: RemoveFile[] }[] {
  return commits
    .filter((commit) => !isOurs(commit))
    .map((commit) => ({
      version: commit.version,
      operation: operationOf(commit),
      removes: commit.actions.flatMap((action) => ('remove' in action && action.remove.dataChange ? [action.remove] : [])),
    }))
    .filter(({ removes }) => removes.length > 0);
}

/** Versions and operations by which others replaced the table's metadata, for a reason's end; empty when none is known. Pure. */
export function metadataChangers(commits: readonly DeltaCommit[]): string {
  const changers = commits.filter((commit) => !isOurs(commit) && commit.actions.some((action) => 'metaData' in action));
  return changers.map((commit) => `version ${commit.version} (${operationOf(commit)})`).join(', ');
}

function checkForeign(winners: readonly DeltaCommit[], name: string): Block | undefined {
  const removals = foreignRemovals(winners);
  return removals.length === 0 ? undefined : rowsRemovedBlock(removals, [], name);
}

/** The block for rows that others removed. `missing` are the offset ranges their files held, as far as known. Pure. */
export function rowsRemovedBlock(
  removals: readonly { version: bigint; operation: string; removes: readonly RemoveFile[] }[],
  missing: readonly string[],
  name: string,
): Block {
  const who = removals
    .map(({ version, operation, removes }) => `version ${version} (${operation}) removed ${removes.length} data files`)
    .join('; ');
  return {
    code: 'rows_removed',
    reason: `rows were removed from the table by somebody else: ${who}${missing.length > 0 ? `; missing offsets: ${missing.join(', ')}` : ''}`,
    nextAction: evaluateAgain('restore the table to a version that holds them', name),
  };
}

function operationOf(commit: DeltaCommit): string {
  for (const action of commit.actions)
    if ('commitInfo' in action && typeof action.commitInfo.operation === 'string') return action.commitInfo.operation;
  return 'unknown operation';
}

/** Tag of our data files: which source offsets they hold, so that what a removed file held can be said. */
export const sourcesTag = 'millrace.sources';

/** `topicId/partition [min, max]` of the files, from their tags. Pure. */
export function describeSources(files: readonly AddFile[]): string[] {
  return files.flatMap((file) =>
    (JSON.parse(file.tags?.[sourcesTag] ?? '[]') as [string, number, string, string, number][]).map(
      ([topicId, partition, min, max, records]) => `${topicId}/${partition} [${min}, ${max}] (${records} records)`,
    ),
  );
}
