import { encodeCommit, parseCommit } from '@millrace/core/delta/actions.ts';
import { applyCommit, commitsAfter, type DeltaCommit, readTableState, type TableState } from '@millrace/core/delta/snapshot.ts';
import { encodeStored, parseStored } from '@millrace/core/domain/chain.ts';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { isKind, MillraceError } from '@millrace/core/domain/errors.ts';
import { deltaCommitKey, ledgerKey } from '@millrace/core/domain/keys.ts';
import { type Ledger, ledgerFormat, ledger as ledgerSchema, type QuarantineSegmentRef } from '@millrace/core/domain/ledger.ts';
import { ledgerAppId, positionAppId, sourceKey } from '@millrace/core/domain/source.ts';
import type { Clock, Random } from '@millrace/core/ports/clock.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { commitObject, type ObjectCommit } from '@millrace/core/stores/commit-object.ts';
import { encodeMetadata, foreignConfiguration, type TableFacts } from '../formats/delta/metadata.ts';
import type { Block } from '../plan/block.ts';
import { floodBlock, quarantineFullBlock } from '../plan/blocks.ts';
import { planActions, type UploadedFile } from '../plan/commit-actions.ts';
import { checkFlood } from '../plan/flood.ts';
import { advanceLedger, type PartitionStart } from '../plan/ledger-sums.ts';
import type { ChainPiece } from '../plan/pieces.ts';
import { type CommitBase, settle } from '../plan/settle.ts';
import type { SourceCounts } from '../workers/batch-worker-port.ts';
import { openSegments } from './quarantine-segments.ts';
import { type HeadDeps, headAfter, headOf, readNews, type TableHead } from './table-head.ts';

/** Everything a batch has become, uploaded; only the commit is missing. */
export type ReadyBatch = {
  pieces: readonly ChainPiece[];
  starts: ReadonlyMap<string, PartitionStart>;
  counts: readonly SourceCounts[];
  files: readonly UploadedFile[];
  segments: readonly QuarantineSegmentRef[];
  facts: TableFacts;
  /** a person resumed after the flood check had stopped this table (R8) */
  floodWaived: boolean;
};

export type CommitDeps = HeadDeps & { clock: Clock; random: Random };

/** How a batch ended. Whatever it is, nothing that was uploaded is deleted here. */
export type BatchEnding =
  /** `wasUnknown`: the answer to its PUT was lost, and what stands there told that it is ours */
  | { status: 'committed'; head: TableHead; version: bigint; attemptId: string; wasUnknown?: true }
  | { status: 'dropped'; moved: string[] }
  | { status: 'plan_again'; why: string }
  | { status: 'blocked'; block: Block };

/** One PUT with its repetitions settles within this, ms; a commit that is still unknown then is asked about again. */
const settleDeadlineMs = 20_000;
/** Versions lost to others in a row until the batch is planned again from the start. */
const racesMax = 30;

/**
 * Makes a batch true: the ledger object, then the one PUT of the Delta log. Repeats the identical PUT until its outcome is known, then goes on by rule R4.
 * @param signal ends it early; the outcome may then stay unknown, which the next start reads from the table
 * @throws kind `unavailable`, code `commit_unknown`, only when `signal` fired before the outcome of the commit was known; `unavailable` or `invalid` when it is
 *         certain that no commit was written; `unavailable`, code `ledger_unsettled`, for a ledger object that no commit names; `corrupt` when the log, the ledger
 *         or a quarantine segment are damaged, or the counts do not fit the chain (as `advanceLedger`)
 */
export async function commitBatch(
  deps: CommitDeps,
  dataset: Dataset,
  first: TableHead,
  batch: ReadyBatch,
  signal: AbortSignal,
): Promise<BatchEnding> {
  let head = first;
  let ledger: Ledger | undefined;
  for (let race = 0; race < racesMax; race++) {
    if (ledger === undefined) {
      const planned = await planLedger(deps, dataset, head, batch);
      if ('block' in planned) return { status: 'blocked', block: planned.block };
      const [written, ending] = await Promise.all([
        putLedger(deps, planned.ledger, signal),
        endWithoutBase(deps.table, head, dataset.name),
      ]);
      if (ending !== undefined) return ending;
      ledger = written;
    }
    const version = (head.state?.version ?? -1n) + 1n;
    const actions = planActions({
      attemptId: ledger.attemptId,
      datasetId: dataset.id,
      readVersion: version - 1n,
      metadata: plannedMetadata(deps, dataset, head, batch.facts),
      partitions: movedPartitions(ledger, batch.pieces),
      ledgerId: ledger.id,
      files: batch.files,
      now: deps.clock.now(),
    });
    const outcome = await settled(deps, deltaCommitKey(version), encodeCommit(actions), ledger.attemptId, signal);
    if (outcome.status === 'committed')
      return { ...outcome, version, attemptId: ledger.attemptId, head: headAfter(head, version, actions, batch.facts, ledger) };
    const lost = await afterLostRace(deps, dataset, head, batch, version, outcome.body);
    if (lost.do === 'end') return lost.ending;
    if (lost.ledger === 'new') ledger = undefined;
    head = lost.head;
  }
  return { status: 'plan_again', why: `${racesMax} versions in a row were taken by others` };
}

/** How the batch ends when the version it builds on is not the log's end: committed there it would stand in an empty log, or in a past nobody reads. */
async function endWithoutBase(table: ObjectStore, head: TableHead, name: string): Promise<BatchEnding | undefined> {
  if (head.state === undefined) return undefined;
  const news = await readNews(table, head.state, name);
  if (news === undefined) return undefined;
  if ('block' in news) return { status: 'blocked', block: news.block };
  // a version that others took is found out by the PUT itself
  return news.isAnew ? { status: 'plan_again', why: `the log goes on at version ${news.state.version}` } : undefined;
}

/** Repeats the identical PUT until the outcome is certain: nothing else may happen to this batch before (R4). */
async function settled(
  deps: CommitDeps,
  key: string,
  body: Uint8Array,
  attemptId: string,
  signal: AbortSignal,
): Promise<Exclude<ObjectCommit, { status: 'unknown' }>> {
  for (let mayBeApplied = false; ; mayBeApplied = true) {
    const outcome = await commitObject(deps.table, key, body, (stored) => attemptOf(stored) === attemptId, {
      ...deps,
      deadlineMs: settleDeadlineMs,
      signal,
      mayBeApplied,
    });
    if (outcome.status !== 'unknown') return outcome;
    if (signal.aborted)
      throw new MillraceError(
        'unavailable',
        'commit_unknown',
        `whether ${deps.table.url}/${key} was written is not known; the next start reads it from the table`,
        { key, outcome: 'unknown' },
        outcome.cause,
      );
  }
}

/** `commitInfo.txnId` of stored commit bytes; undefined for what is not a commit of ours. Pure. */
function attemptOf(stored: Uint8Array): string | undefined {
  try {
    for (const action of parseCommit(stored, 'stored commit', 'state')) if ('commitInfo' in action) return action.commitInfo.txnId;
  } catch (error) {
    if (!isKind(error, 'corrupt')) throw error;
  }
  return undefined;
}

type LostRace = { do: 'end'; ending: BatchEnding } | { do: 'again'; head: TableHead; ledger: 'same' | 'new' };

async function afterLostRace(
  deps: CommitDeps,
  dataset: Dataset,
  head: TableHead,
  batch: ReadyBatch,
  version: bigint,
  winnerBytes: Uint8Array,
): Promise<LostRace> {
  const winners: DeltaCommit[] = [{ version, actions: parseCommit(winnerBytes, `${deps.table.url}/${deltaCommitKey(version)}`) }];
  for await (const commit of commitsAfter(deps.table, version)) winners.push(commit);
  const state = await stateAfter(deps.table, head.state, winners);
  const settlement = settle(baseOf(head, batch.pieces), state, winners, dataset.name);
  if (settlement.do === 'drop') return { do: 'end', ending: { status: 'dropped', moved: settlement.moved } };
  if (settlement.do === 'block') return { do: 'end', ending: { status: 'blocked', block: settlement.block } };
  if (settlement.do === 'plan_again') return { do: 'end', ending: { status: 'plan_again', why: settlement.why } };
  const opened = await headOf(deps, dataset, state);
  if ('block' in opened) return { do: 'end', ending: { status: 'blocked', block: opened.block } };
  return { do: 'again', head: opened.head, ledger: settlement.ledger };
}

async function stateAfter(table: ObjectStore, before: TableState | undefined, winners: readonly DeltaCommit[]): Promise<TableState> {
  if (before !== undefined) return winners.reduce(applyCommit, before);
  const state = await readTableState(table);
  if (state === undefined)
    throw new MillraceError('corrupt', 'table_vanished', `${table.url} had a first commit a moment ago and has none now`);
  return state;
}

function baseOf(head: TableHead, pieces: readonly ChainPiece[]): CommitBase {
  const appIds = new Set(pieces.map((piece) => positionAppId(piece.source)));
  return {
    version: head.state?.version ?? -1n,
    ledgerId: head.state?.txns.get(ledgerAppId),
    positions: new Map([...appIds].map((appId) => [appId, head.state?.txns.get(appId)])),
  };
}

function movedPartitions(ledger: Ledger, pieces: readonly ChainPiece[]) {
  const moved = new Set(pieces.map((piece) => sourceKey(piece.source)));
  return ledger.partitions.filter((partition) => moved.has(sourceKey(partition)));
}

async function planLedger(
  deps: CommitDeps,
  dataset: Dataset,
  head: TableHead,
  batch: ReadyBatch,
): Promise<{ ledger: Ledger } | { block: Block }> {
  const partitions = advanceLedger(head.ledger?.partitions ?? [], batch.starts, batch.pieces, batch.counts);
  const flood = checkFlood(head.ledger?.floodCheck ?? 'pending', partitions, batch.floodWaived);
  if ('blocked' in flood) return { block: floodBlock(flood.blocked, dataset.name) };
  const segments = [...(head.ledger?.quarantineSegments ?? []), ...batch.segments];
  const open = await openSegments(deps, segments);
  if (open === undefined)
    return {
      block: quarantineFullBlock(
        segments.reduce((sum, { records }) => sum + records, 0n),
        dataset.name,
      ),
    };
  return {
    ledger: {
      format: ledgerFormat,
      id: deps.random.id53(),
      previousId: head.ledger?.id ?? null,
      attemptId: deps.random.ulid(),
      datasetId: dataset.id,
      dataset: dataset.name,
      datasetVersion: dataset.version,
      schemaVersion: batch.facts.schemaVersion,
      createdAt: new Date(deps.clock.now()).toISOString(),
      floodCheck: flood.floodCheck,
      partitions,
      quarantineSegments: open,
    },
  };
}

/** Writes the ledger object; an id that is taken (once in 2^53) is drawn again. */
async function putLedger(deps: CommitDeps, planned: Ledger, signal: AbortSignal): Promise<Ledger> {
  for (let ledger = planned; ; ledger = { ...ledger, id: deps.random.id53() }) {
    const isOurs = (stored: Uint8Array) => parseStored(ledgerSchema, stored, 'stored ledger', ledgerFormat).attemptId === ledger.attemptId;
    const outcome = await commitObject(deps.table, ledgerKey(ledger.id), encodeStored(ledgerSchema, ledger), isOurs, {
      ...deps,
      deadlineMs: settleDeadlineMs,
      signal,
    });
    if (outcome.status === 'committed') return ledger;
    if (outcome.status === 'unknown')
      throw new MillraceError(
        'unavailable',
        'ledger_unsettled',
        `whether ledger ${ledger.id} was written is not known; no commit names it`,
        { id: ledger.id.toString() },
        outcome.cause,
      );
  }
}

/** metaData for this commit: for the first one, and when anything in it changed. */
function plannedMetadata(deps: CommitDeps, dataset: Dataset, head: TableHead, facts: TableFacts) {
  const before = head.state?.metadata;
  if (before === undefined) return encodeMetadata(crypto.randomUUID(), dataset.name, deps.clock.now(), facts);
  const after = encodeMetadata(
    before.id,
    before.name ?? dataset.name,
    before.createdTime ?? deps.clock.now(),
    facts,
    foreignConfiguration(before),
  );
  const same =
    before.schemaString === after.schemaString &&
    Object.entries(after.configuration).every(([name, value]) => before.configuration[name] === value);
  return same ? undefined : after;
}
