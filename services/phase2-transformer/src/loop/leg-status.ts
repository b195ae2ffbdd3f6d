import type { Dataset, DatasetState } from '@millrace/core/domain/dataset.ts';
import { describeError, isKind } from '@millrace/core/domain/errors.ts';
import type { TableReport } from '@millrace/core/domain/reports.ts';
import { sourceKey } from '@millrace/core/domain/source.ts';
import type { Block } from '../plan/block.ts';
import { emptyPartition, type PartitionStart } from '../plan/ledger-sums.ts';
import type { TableHead } from './table-head.ts';

/** What stands in the way of a table leg, if anything. `atResume` is the dataset's resumeCount when it blocked. */
export type Hindrance = { kind: 'blocked'; block: Block; atResume: number } | { kind: 'failed'; reason: string } | undefined;

export type LastCommit = NonNullable<TableReport['lastCommit']>;

/** Everything a report is made from. */
export type LegView = {
  dataset: Dataset;
  hindrance: Hindrance;
  hasChains: boolean;
  head: TableHead;
  starts: ReadonlyMap<string, PartitionStart>;
  /** landed records before the table's start, per source: left out by `startFrom` latest */
  skipped: ReadonlyMap<string, { startOffset: bigint; endOffset: bigint }>;
  /** which source partitions are not read on, and why; null when all are */
  stopped: string | null;
  landed: ReadonlyMap<string, bigint>;
  lastCommit: LastCommit | null;
  committedTimestamp: number | null;
};

/**
 * State of a table leg. Pure. A person's pause shows above everything, a block above a failure, and a topic without chains is waited for.
 * One stopped source partition is a failure that somebody has to see, though the others go on.
 */
export function stateOf(view: Pick<LegView, 'dataset' | 'hindrance' | 'hasChains' | 'stopped'>): DatasetState {
  if (view.dataset.paused) return 'PAUSED';
  if (view.hindrance?.kind === 'blocked') return 'BLOCKED';
  if (view.hindrance?.kind === 'failed' || view.stopped !== null) return 'FAILED';
  return view.hasChains ? 'RUNNING' : 'WAITING_FOR_TOPIC';
}

/** What the metastore is told. Pure. */
export function reportOf(view: LegView, worker: string): TableReport {
  const { dataset, hindrance, head, landed } = view;
  const state = stateOf(view);
  const inLedger = new Set(head.ledger?.partitions.map(sourceKey));
  const partitions = (head.ledger?.partitions ?? []).map((partition) => ({
    ...partition,
    landed: highest(partition.position, landed.get(sourceKey(partition))),
  }));
  for (const [key, start] of view.starts)
    if (!inLedger.has(key)) partitions.push({ ...emptyPartition(start), landed: highest(start.startOffset, landed.get(key)) });
  return {
    datasetId: dataset.id,
    worker,
    state,
    reason: reasonOf(view, state),
    nextAction:
      state === 'PAUSED' ? `PUT /v1/datasets/${dataset.name}/resume` : hindrance?.kind === 'blocked' ? hindrance.block.nextAction : null,
    block: hindrance?.kind === 'blocked' ? (hindrance.block.schema ?? null) : null,
    tableVersion: head.state?.version ?? null,
    schemaVersion: head.facts?.schemaVersion ?? 0,
    lastCommit: view.lastCommit,
    committedTimestamp: view.committedTimestamp,
    partitions,
  };
}

/** Sources named in a sentence at most. */
const skippedShownMax = 5;

function skippedWords(skipped: LegView['skipped']): string | null {
  if (skipped.size === 0) return null;
  const shown = [...skipped].slice(0, skippedShownMax).map(([key, { startOffset, endOffset }]) => `${key} [${startOffset}, ${endOffset})`);
  const more = skipped.size > shown.length ? ` and ${skipped.size - shown.length} more` : '';
  return `by startFrom latest these landed records are not in the table: ${shown.join(', ')}${more}`;
}

/** A report while a store cannot be used: no work is done, whatever the leg waits for; what a person must do stays first. Pure. */
export function underTrouble(report: TableReport, trouble: string | null): TableReport {
  if (trouble === null || (report.state !== 'RUNNING' && report.state !== 'WAITING_FOR_TOPIC')) return report;
  return { ...report, state: 'FAILED', reason: trouble };
}

function reasonOf({ dataset, hindrance, skipped, stopped }: LegView, state: DatasetState): string | null {
  if (hindrance?.kind === 'blocked') return hindrance.block.reason;
  if (hindrance?.kind === 'failed') return hindrance.reason;
  if (state === 'PAUSED') return 'paused by a person';
  if (stopped !== null) return stopped;
  return state === 'WAITING_FOR_TOPIC' ? `nothing of topic ${dataset.kafkaTopic} has landed yet` : skippedWords(skipped);
}

function highest(a: bigint, b: bigint | undefined): bigint {
  return b !== undefined && b > a ? b : a;
}

/** What an error means for the leg. Pure. A newer format waits for a person (upgrade); everything else is tried again by itself. */
export function hindranceOf(error: unknown, dataset: Dataset): NonNullable<Hindrance> {
  if (isKind(error, 'invalid') && error.code === 'newer_format')
    return {
      kind: 'blocked',
      atResume: dataset.resumeCount,
      block: { code: error.code, reason: error.message, nextAction: `upgrade Millrace; then PUT /v1/datasets/${dataset.name}/resume` },
    };
  return { kind: 'failed', reason: describeError(error) };
}
