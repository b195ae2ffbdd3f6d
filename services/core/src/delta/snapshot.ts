import { MillraceError } from '../domain/errors.ts';
import { deltaCommitKey, padded } from '../domain/keys.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { ActionScope, AddFile, DeltaAction, DeltaMetadata, DeltaProtocol, RemoveFile } from './actions.ts';
import { parseCommit } from './actions.ts';
import { checkpointActions, type DeltaCheckpoint, hintedCheckpoint, listCheckpoint } from './checkpoint-reader.ts';

/** What a table's log says at one version, without its files. */
export type TableState = {
  version: bigint;
  protocol: DeltaProtocol;
  metadata: DeltaMetadata;
  /** last `txn` per appId */
  txns: ReadonlyMap<string, bigint>;
  /** newest checkpoint known when it was read, -1 for none */
  checkpointVersion: bigint;
};

/** Objects looked at behind the end of a log: commits and checkpoints, and the checksums other engines write beside them. */
const lookedBehindMax = 20;

/** One commit of the log. */
export type DeltaCommit = { version: bigint; actions: DeltaAction[] };

/**
 * The newest state of the table's log, or undefined when there is no table.
 * Reads `_last_checkpoint`, that checkpoint, then commit after commit by GET until one is absent. Both may mislead: a stale hint into a log that was cleaned
 * ends before its end. So one LIST looks behind the end, and what it finds is read from the newest checkpoint on.
 * @param table store rooted at the table
 * @throws kind `corrupt`, code `incomplete_log`, when protocol or metadata are missing, or commits before later ones
 */
export async function readTableState(table: ObjectStore): Promise<TableState | undefined> {
  let checkpoint = await hintedCheckpoint(table);
  for (;;) {
    const folded = fold(undefined);
    if (checkpoint !== undefined) for await (const action of checkpointActions(table, checkpoint, 'state')) folded.take(action);
    let version = checkpoint?.version ?? -1n;
    let lookedAt: bigint | undefined;
    while (lookedAt !== version) {
      lookedAt = version;
      for await (const commit of commitsAfter(table, version, 'state')) {
        version = commit.version;
        commit.actions.forEach(folded.take);
      }
      const later = await firstAfter(table, version);
      if (later === undefined) return version < 0n ? undefined : folded.state(table, version, checkpoint?.version ?? -1n);
    }
    const listed = await listCheckpoint(table);
    if (listed === undefined || listed.version <= version)
      throw incomplete(table, `there are later commits, but ${deltaCommitKey(version + 1n)} is missing and no checkpoint stands for it`);
    checkpoint = listed;
  }
}

/** The first version after `version` that the log holds a commit or a checkpoint of: one LIST. Undefined when the log ends at `version`. */
export async function firstAfter(table: ObjectStore, version: bigint): Promise<bigint | undefined> {
  const found = await table.list('_delta_log/', { startAfter: `_delta_log/${padded(version + 1n, 20)}`, limit: lookedBehindMax });
  for (const { key } of found) {
    const match = /^_delta_log\/(\d{20})\.(?:json|checkpoint(?:\.[^/]+)?\.parquet)$/.exec(key);
    if (match !== null) return BigInt(match[1] ?? '');
  }
  return undefined;
}

/** The state after one more commit. Pure; `state` is unchanged. */
export function applyCommit(state: TableState, commit: DeltaCommit): TableState {
  const folded = fold(state);
  commit.actions.forEach(folded.take);
  return folded.state(undefined, commit.version, state.checkpointVersion);
}

/** Commits after `version` in order, until one is absent. One GET each, and one for the end. */
export async function* commitsAfter(table: ObjectStore, version: bigint, scope: ActionScope = 'all'): AsyncGenerator<DeltaCommit> {
  for (let next = version + 1n; ; next++) {
    const key = deltaCommitKey(next);
    const bytes = await table.get(key);
    if (bytes === undefined) return;
    yield { version: next, actions: parseCommit(bytes, `${table.url}/${key}`, scope) };
  }
}

/**
 * Live data files at `version`, as a stream. Memory: file actions since the checkpoint, and one batch of checkpoint rows.
 * @throws kind `corrupt`, code `incomplete_log`, when commits between the checkpoint and `version` are missing
 */
export async function* liveFiles(table: ObjectStore, version: bigint): AsyncGenerator<AddFile> {
  for await (const action of fileActions(table, version)) if ('add' in action) yield action.add;
}

/** The newest word on every path at `version`: `add` for a live file, `remove` for a tombstone. Stream, memory and errors as `liveFiles`. */
export async function* fileActions(table: ObjectStore, version: bigint): AsyncGenerator<{ add: AddFile } | { remove: RemoveFile }> {
  const checkpoint = await checkpointUpTo(table, version);
  const newer = new Map<string, { add: AddFile } | { remove: RemoveFile }>();
  let reached = checkpoint?.version ?? -1n;
  if (reached < version)
    for await (const commit of commitsAfter(table, reached)) {
      // within one commit order has no meaning, and a path stands in it once
      for (const action of commit.actions) {
        if ('remove' in action) newer.set(action.remove.path, action);
        if ('add' in action) newer.set(action.add.path, action);
      }
      reached = commit.version;
      if (reached === version) break;
    }
  if (reached !== version) throw incomplete(table, `commits up to ${version} are not all there, the last found is ${reached}`);
  if (checkpoint !== undefined)
    for await (const action of checkpointActions(table, checkpoint, 'files')) {
      if ('add' in action && !newer.has(action.add.path)) yield action;
      if ('remove' in action && !newer.has(action.remove.path)) yield action;
    }
  yield* newer.values();
}

/** The checkpoint to read `version` from: the hinted one unless the log was cleaned behind it, else the newest one listed. */
async function checkpointUpTo(table: ObjectStore, version: bigint): Promise<DeltaCheckpoint | undefined> {
  const hinted = await hintedCheckpoint(table);
  const usable = hinted !== undefined && hinted.version <= version ? hinted : undefined;
  if (usable?.version === version || (await table.head(deltaCommitKey((usable?.version ?? -1n) + 1n))) !== undefined) return usable;
  const listed = await listCheckpoint(table);
  return listed !== undefined && listed.version <= version ? listed : usable;
}

function fold(from: TableState | undefined) {
  let protocol = from?.protocol;
  let metadata = from?.metadata;
  const txns = new Map(from?.txns);
  return {
    take(action: DeltaAction): void {
      if ('protocol' in action) protocol = action.protocol;
      else if ('metaData' in action) metadata = action.metaData;
      else if ('txn' in action) txns.set(action.txn.appId, action.txn.version);
    },
    state(table: ObjectStore | undefined, version: bigint, checkpointVersion: bigint): TableState {
      if (protocol === undefined || metadata === undefined) throw incomplete(table, 'its log holds no protocol or no metaData');
      return { version, protocol, metadata, txns, checkpointVersion };
    },
  };
}

function incomplete(table: ObjectStore | undefined, what: string): MillraceError {
  return new MillraceError('corrupt', 'incomplete_log', `the Delta log of ${table?.url ?? 'the table'} is incomplete: ${what}`);
}
