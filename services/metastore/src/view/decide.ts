import type { BlockDecision } from '@millrace/core/domain/dataset.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { sourceKey } from '@millrace/core/domain/source.ts';
import type { Facts, StoredDataset } from './facts.ts';

/** Decisions a dataset may carry: beyond this its configuration would grow without end. */
const decisionsMax = 1_000;

/** The part of a dataset that people change. */
export type Intent = Pick<StoredDataset, 'paused' | 'resumeCount' | 'decisions'>;

/** A person's wish: the table leg rests, landing goes on. Pure; undefined when it is so already. */
export function pauseIntent({ dataset }: Facts): Intent | undefined {
  return dataset.paused ? undefined : { paused: true, resumeCount: dataset.resumeCount, decisions: dataset.decisions };
}

/**
 * A person's wish: go on, evaluate again. Pure.
 * With `breaking` it also answers the present schema block (exact rule R7). Asked twice for one block it decides once: until a worker has reported again,
 * the newest decision stands.
 * @param decided id and time for a new decision
 * @throws kind `conflict`, code `no_schema_block`, when `breaking` is given and no worker reports a block by the schema; code `too_many_decisions`
 */
export function resumeIntent(facts: Facts, breaking: 'quarantine' | undefined, decided: { id: string; now: number }): Intent {
  const { dataset } = facts;
  const plain = { paused: false, resumeCount: dataset.resumeCount + 1, decisions: dataset.decisions };
  if (breaking === undefined) return plain;
  const decision = composeDecision(facts, decided);
  const last = dataset.decisions.at(-1);
  if (last !== undefined && Date.parse(last.decidedAt) >= (facts.table?.reportedAt ?? 0)) return plain;
  if (dataset.decisions.length >= decisionsMax)
    throw new MillraceError('conflict', 'too_many_decisions', `dataset ${dataset.name} already carries ${decisionsMax} decisions`);
  return { ...plain, decisions: [...dataset.decisions, decision] };
}

/**
 * The decision that answers a schema block: per source partition [first offending offset, landed end now) (exact rule R7). Pure.
 * A partition of the block's batch in which nothing offended yet begins at its position: whatever offends there later but landed before now is first there.
 */
function composeDecision({ dataset, landing, table }: Facts, decided: { id: string; now: number }): BlockDecision {
  const block = table?.report.block;
  if (table === undefined || block == null || table.report.state !== 'BLOCKED')
    throw new MillraceError(
      'conflict',
      'no_schema_block',
      `dataset ${dataset.name} is not blocked by its schema, so there is nothing to quarantine; resume without a body evaluates again`,
    );
  const starts = new Map<string, bigint>();
  const ends = new Map<string, bigint>();
  const landed = (key: string, end: bigint) => ends.set(key, end > (ends.get(key) ?? 0n) ? end : (ends.get(key) ?? 0n));
  for (const partition of landing?.partitions ?? []) {
    starts.set(sourceKey(partition), partition.chainStart);
    landed(sourceKey(partition), partition.landed);
  }
  for (const partition of table.report.partitions) {
    starts.set(sourceKey(partition), partition.position);
    landed(sourceKey(partition), partition.landed);
  }
  for (const [key, offset] of Object.entries(block.firstOffsets)) {
    starts.set(key, offset);
    // The offending record itself has landed, whatever the reports say.
    landed(key, offset + 1n);
  }
  const ranges = [...starts]
    .map(([key, startOffset]) => ({ key, startOffset, endOffset: ends.get(key) ?? startOffset }))
    .filter(({ startOffset, endOffset }) => endOffset > startOffset)
    .map(({ key, startOffset, endOffset }) => [key, { startOffset: startOffset.toString(), endOffset: endOffset.toString() }] as const);
  return {
    id: decided.id,
    breaking: 'quarantine',
    changes: block.changes,
    ranges: Object.fromEntries(ranges),
    decidedAt: new Date(decided.now).toISOString(),
  };
}
