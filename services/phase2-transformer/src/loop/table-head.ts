import { type AddFile, type DeltaAction, parseCommit } from '@millrace/core/delta/actions.ts';
import { readLedger } from '@millrace/core/delta/ledger-reader.ts';
import {
  applyCommit,
  commitsAfter,
  type DeltaCommit,
  firstAfter,
  liveFiles,
  readTableState,
  type TableState,
} from '@millrace/core/delta/snapshot.ts';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { isKind, MillraceError } from '@millrace/core/domain/errors.ts';
import { deltaCommitKey } from '@millrace/core/domain/keys.ts';
import type { Ledger } from '@millrace/core/domain/ledger.ts';
import { ledgerAppId } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { decodeMetadata, type TableFacts } from '../formats/delta/metadata.ts';
import { type Block, evaluateAgain } from '../plan/block.ts';
import { tableGoneBlock } from '../plan/blocks.ts';
import { checkGuards, checkMadeAgain, checkProtocol } from '../plan/guards.ts';
import { ledgerTotals } from '../plan/ledger-sums.ts';
import { numRecordsOf } from '../plan/others-rows.ts';
import { describeSources, foreignRemovals, isOurs, metadataChangers, rowsRemovedBlock } from '../plan/settle.ts';
import { OthersLog } from './others-log.ts';

/** The table as this worker knows it: all a next commit is planned over. Undefined members: the table does not exist yet. */
export type TableHead =
  | { state: TableState; facts: TableFacts; ledger: Ledger }
  | { state: undefined; facts: undefined; ledger: undefined };

/** `others`: kept from one look to the next; without it each look reads the whole log when others have removed files. */
export type HeadDeps = { table: ObjectStore; others?: OthersLog | undefined };

export const noTable: TableHead = { state: undefined, facts: undefined, ledger: undefined };

/** Commits looked at backwards for removals by others; beyond, the whole table is counted. */
const commitsBackMax = 200;
/** Removed files named in a reason at most. */
const missingShownMax = 20;

/**
 * Reads the table of a dataset and judges whether it may be written (rules R5 and R6, foreign protocol, rows removed by others).
 * @throws kind `unavailable`; kind `corrupt` when the log or the ledger are damaged
 */
export async function openTable(deps: HeadDeps, dataset: Dataset): Promise<{ head: TableHead } | { block: Block }> {
  const state = await readTableState(deps.table);
  return state === undefined ? { head: noTable } : headOf(deps, dataset, state);
}

/** What a look at a log told. `isAnew`: the log does not go on from what was known; the state was read from a checkpoint behind it. */
export type News = { state: TableState; isAnew: boolean } | { block: Block };

/**
 * The table's state when it has moved on since `known` (undefined: there was no table), the block when it is not that table's log any more, else undefined.
 * An absent next commit is no news only while the log ends there: one GET, one HEAD and one LIST.
 */
export async function readNews(table: ObjectStore, known: TableState | undefined, name: string): Promise<News | undefined> {
  if (known === undefined) {
    const state = await readTableState(table);
    return state === undefined ? undefined : { state, isAnew: true };
  }
  let state = known;
  for await (const commit of commitsAfter(table, known.version, 'state')) state = applyCommit(state, commit);
  if (state !== known) return { state, isAnew: false };
  if (await isStillThere(table, known.version)) return undefined;
  const read = await readTableState(table);
  if (read === undefined || read.version < known.version) return { block: tableGoneBlock(known.version, read?.version, name) };
  return read.version === known.version ? undefined : { state: read, isAnew: true };
}

/** True when the log ends at `version` and holds its commit. False says only that it must be read anew. */
async function isStillThere(table: ObjectStore, version: bigint): Promise<boolean> {
  const [own, later] = await Promise.all([table.head(deltaCommitKey(version)), firstAfter(table, version)]);
  return own !== undefined && later === undefined;
}

/** The head over a state that was just read. Results and errors as `openTable`. */
export async function headOf(deps: HeadDeps, dataset: Dataset, state: TableState): Promise<{ head: TableHead } | { block: Block }> {
  const { table } = deps;
  const protocolBlock = checkProtocol(state.protocol, dataset.name);
  if (protocolBlock !== undefined) return { block: protocolBlock };
  let facts: TableFacts;
  try {
    facts = decodeMetadata(state.metadata);
  } catch (error) {
    if (!isKind(error, 'invalid')) throw error;
    const changers = metadataChangers((await foreignCommitsSinceOurs(table, state.version)).commits);
    return {
      block: {
        code: error.code,
        reason: changers === '' ? error.message : `${error.message}; by ${changers}`,
        nextAction: evaluateAgain('make the table what it was, or use another name', dataset.name),
      },
    };
  }
  const ledgerId = state.txns.get(ledgerAppId);
  const ledger = ledgerId === undefined ? undefined : await readLedger(table, ledgerId);
  const block =
    checkMadeAgain(facts, dataset) ?? checkGuards(state, ledger, dataset.name) ?? (await checkRows(deps, state, ledger, dataset.name));
  if (block !== undefined) return { block };
  if (ledger === undefined) throw new MillraceError('internal', 'no_ledger', 'a table without a ledger passed its guard');
  return { head: { state, facts, ledger } };
}

/** Rows others removed: looked for in the commits since our last one, which is normally the newest; when rows are gone, by counting what is live of ours. */
async function checkRows(
  { table, others: log = new OthersLog() }: HeadDeps,
  state: TableState,
  ledger: Ledger | undefined,
  name: string,
): Promise<Block | undefined> {
  const foreign = await foreignCommitsSinceOurs(table, state.version);
  const removals = foreignRemovals(foreign.commits);
  if (removals.length === 0 && foreign.complete) return undefined;
  const others = await log.at(table, state);
  let live = 0n;
  const livePaths = new Set<string>();
  const suspects = new Set(removals.flatMap(({ removes }) => removes.map((remove) => remove.path)));
  for await (const add of liveFiles(table, state.version)) {
    live += numRecordsOf(add) - others.of(add.path);
    if (suspects.has(add.path)) livePaths.add(add.path);
  }
  const committed = ledgerTotals(ledger?.partitions ?? []).committed;
  if (live >= committed) return undefined;
  const gone = new Set([...suspects].filter((path) => !livePaths.has(path)));
  const missing = describeSources(await addsOf(table, gone, state.version));
  const shown =
    missing.length > missingShownMax ? [...missing.slice(0, missingShownMax), `and ${missing.length - missingShownMax} more`] : missing;
  return rowsRemovedBlock(removals, [...shown, `${committed - live} of ${committed} rows in all`], name);
}

async function foreignCommitsSinceOurs(table: ObjectStore, from: bigint): Promise<{ commits: DeltaCommit[]; complete: boolean }> {
  const commits: DeltaCommit[] = [];
  for (let version = from; version >= 0n && commits.length < commitsBackMax; version--) {
    const key = deltaCommitKey(version);
    const bytes = await table.get(key);
    if (bytes === undefined) return { commits, complete: false };
    const commit = { version, actions: parseCommit(bytes, `${table.url}/${key}`) };
    if (isOurs(commit)) return { commits, complete: true };
    commits.unshift(commit);
  }
  return { commits, complete: commits.length < commitsBackMax };
}

async function addsOf(table: ObjectStore, paths: ReadonlySet<string>, upTo: bigint): Promise<AddFile[]> {
  const adds: AddFile[] = [];
  for await (const commit of commitsAfter(table, -1n)) {
    for (const action of commit.actions) if ('add' in action && paths.has(action.add.path)) adds.push(action.add);
    if (commit.version >= upTo) break;
  }
  return adds;
}

/** The head after a commit of our own, without reading anything. Pure. */
export function headAfter(head: TableHead, version: bigint, actions: readonly DeltaAction[], facts: TableFacts, ledger: Ledger): TableHead {
  const commit = { version, actions: [...actions] };
  if (head.state !== undefined) return { state: applyCommit(head.state, commit), facts, ledger };
  const find = <K extends string>(name: K) => actions.find((action): action is Extract<DeltaAction, Record<K, unknown>> => name in action);
  const protocol = find('protocol')?.protocol;
  const metadata = find('metaData')?.metaData;
  if (protocol === undefined || metadata === undefined)
    throw new MillraceError('internal', 'first_commit_incomplete', 'the first commit lacks protocol or metaData');
  const empty: TableState = { version, protocol, metadata, txns: new Map(), checkpointVersion: -1n };
  return { state: applyCommit(empty, commit), facts, ledger };
}
