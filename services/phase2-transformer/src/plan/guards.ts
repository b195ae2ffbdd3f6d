import type { DeltaProtocol } from '@millrace/core/delta/actions.ts';
import type { TableState } from '@millrace/core/delta/snapshot.ts';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import type { Ledger } from '@millrace/core/domain/ledger.ts';
import { ledgerAppId, positionAppId, sourceKey } from '@millrace/core/domain/source.ts';
import type { TableFacts } from '../formats/delta/metadata.ts';
import { type Block, evaluateAgain } from './block.ts';

/*
 * What an existing table must be before a batch may be planned over it. Each check gives the block to report, or undefined.
 */

const positionPrefix = 'millrace/';

/** Features of the format that ask nothing of a writer that only appends nullable columns. */
const harmlessWriterFeatures = new Set(['appendOnly', 'invariants']);

/** Refuses a protocol this version does not write: somebody upgraded the table. Pure. @see Delta protocol, "Table Features" */
export function checkProtocol(protocol: DeltaProtocol, name: string): Block | undefined {
  const { minReaderVersion, minWriterVersion } = protocol;
  // a feature of readers stands in both lists
  const features = [
    ...new Set([
      ...(protocol.readerFeatures ?? []),
      ...(protocol.writerFeatures ?? []).filter((feature) => !harmlessWriterFeatures.has(feature)),
    ]),
  ];
  if (minReaderVersion === 1 && (minWriterVersion <= 2 || minWriterVersion === 7) && features.length === 0) return undefined;
  return {
    code: 'foreign_protocol',
    reason: `the table's protocol is now reader ${minReaderVersion}, writer ${minWriterVersion}${features.length > 0 ? ` with ${features.join(', ')}` : ''}; Millrace writes reader 1, writer 2 without features`,
    nextAction: evaluateAgain('take the table features off with another engine, or make the dataset again under another name', name),
  };
}

/** Exact rule R6: a table of another topic, partitioning or mode is not gone on with. Pure. */
export function checkMadeAgain(facts: TableFacts, dataset: Dataset): Block | undefined {
  const differences: string[] = [];
  if (facts.topic !== dataset.kafkaTopic) differences.push(`topic ${facts.topic}, the dataset reads ${dataset.kafkaTopic}`);
  if (facts.mode !== dataset.mode) differences.push(`mode ${facts.mode}, the dataset is ${dataset.mode}`);
  if (JSON.stringify(facts.partitionKeys) !== JSON.stringify(dataset.partitionKeys))
    differences.push(`partitionKeys ${JSON.stringify(facts.partitionKeys)}, the dataset has ${JSON.stringify(dataset.partitionKeys)}`);
  if (differences.length === 0) return undefined;
  return {
    code: 'other_table',
    reason: `the table that is there was made with ${differences.join('; ')}`,
    nextAction: evaluateAgain('move that table away, or delete this dataset and create it under another name', dataset.name),
  };
}

/**
 * Exact rule R5: positions and the ledger guard each other. A ledger position without its `txn`, a position the ledger does not know, data without a
 * ledger head, or a setting that lets readers forget `txn` actions stop the table: without the guard records could be written twice. Pure.
 */
export function checkGuards(state: TableState, ledger: Ledger | undefined, name: string): Block | undefined {
  const problems: string[] = [];
  const retention = state.metadata.configuration['delta.setTransactionRetentionDuration'];
  if (retention !== undefined)
    problems.push(`delta.setTransactionRetentionDuration (${retention}) is set on the table, so positions would be forgotten`);
  const head = state.txns.get(ledgerAppId);
  if (head === undefined) problems.push(`the log names no ledger (txn ${ledgerAppId})`);
  const known = new Set<string>();
  for (const partition of ledger?.partitions ?? []) {
    const appId = positionAppId(partition);
    known.add(appId);
    const position = state.txns.get(appId);
    if (position !== partition.position)
      problems.push(
        `ledger ${ledger?.id} has ${sourceKey(partition)} at ${partition.position}, the log ${position === undefined ? `has no txn ${appId}` : `says ${position}`}`,
      );
  }
  for (const appId of state.txns.keys())
    if (appId.startsWith(positionPrefix) && appId !== ledgerAppId && !known.has(appId) && ledger !== undefined)
      problems.push(`the log has a position ${appId} that ledger ${ledger.id} does not know`);
  if (problems.length === 0) return undefined;
  return {
    code: 'guard_missing',
    reason: `the guard against writing records twice is damaged: ${problems.join('; ')}`,
    nextAction: evaluateAgain(
      retention === undefined
        ? 'restore the table to its last good version with its txn actions'
        : 'unset delta.setTransactionRetentionDuration',
      name,
    ),
  };
}
