import type { SchemaDifference } from '../infer/schema-change.ts';
import { type Block, evaluateAgain } from './block.ts';
import { floodCheckRecords } from './flood.ts';

/*
 * Blocks with the words a person reads. All pure.
 */

/** R8. */
export function floodBlock({ quarantined, of }: { quarantined: bigint; of: bigint }, name: string): Block {
  return {
    code: 'flood',
    reason: `${quarantined} of the first ${of} records are quarantined, more than half; the check happens once, at ${floodCheckRecords} records. The topic is probably not what this dataset expects`,
    nextAction: `look at the reasons in the reconciliation; PUT /v1/datasets/${name}/resume goes on and waives the check, or delete the dataset`,
  };
}

/** `tablePartitionsPerCommitMax`. */
export function tablePartitionsBlock(
  max: number,
  first: { topicId: string; partition: number; offset: bigint },
  partitionKeys: readonly string[],
  name: string,
): Block {
  return {
    code: 'too_many_table_partitions',
    reason: `one commit would touch more than ${max} table partitions (tablePartitionsPerCommitMax): partitionKeys ${JSON.stringify(partitionKeys)} have too many values; the first one too many is in ${first.topicId}/${first.partition} at offset ${first.offset}`,
    nextAction: evaluateAgain('raise MILLRACE_TABLE_PARTITIONS_PER_COMMIT_MAX, or make the dataset again with coarser partitionKeys', name),
  };
}

/** The open set of quarantine pointers is full. `records` are set aside in all. */
export function quarantineFullBlock(records: bigint, name: string): Block {
  return {
    code: 'quarantine_full',
    reason: `${records} records are set aside in more quarantine segments than a ledger can name: the topic is not what this dataset expects`,
    nextAction: evaluateAgain(
      'mend what is produced, and make a dataset under another name with startFrom latest; this table stays as it is, and resuming tries the same batch again',
      name,
    ),
  };
}

/** Commits that were there are gone: the folder was removed or replaced under a running worker. `found` is the newest version there is now. */
export function tableGoneBlock(known: bigint, found: bigint | undefined, name: string): Block {
  return {
    code: 'table_gone',
    reason: `the table was at version ${known} and ${found === undefined ? 'its log is gone' : `its log now ends at version ${found}`}: somebody removed or replaced it`,
    nextAction: `restore the table's folder; PUT /v1/datasets/${name}/resume goes on with the table that is there then, and makes it anew from raw when there is none`,
  };
}

/** Differences a sentence names; the schema version has them all. */
const differencesShownMax = 5;

/** A breaking schema change: what a person's decision is about (R7). */
export function breakingBlock(diff: readonly SchemaDifference[], schemaVersion: number, name: string): Block {
  const firstOffsets: Record<string, bigint> = {};
  for (const { firstOffset } of diff) {
    if (firstOffset === undefined) continue;
    const key = `${firstOffset.topicId}/${firstOffset.partition}`;
    const known = firstOffsets[key];
    if (known === undefined || firstOffset.offset < known) firstOffsets[key] = firstOffset.offset;
  }
  const words = diff
    .slice(0, differencesShownMax)
    .map(
      ({ path, from, to, firstOffset }) =>
        `${path === '' ? 'table' : path}: ${from ?? 'no type yet'} → ${to}${firstOffset === undefined ? '' : ` first at ${firstOffset.topicId}/${firstOffset.partition} offset ${firstOffset.offset}`}`,
    );
  const more = diff.length > differencesShownMax ? `; and ${diff.length - differencesShownMax} more` : '';
  return {
    code: 'breaking_schema_change',
    reason: `breaking schema change: ${words.join('; ')}${more}`,
    nextAction: `see GET /v1/datasets/${name}/schemas/${schemaVersion}; PUT /v1/datasets/${name}/resume evaluates again, with {"breaking":"quarantine"} the offending records are quarantined and the table goes on`,
    schema: { schemaVersion, changes: diff.map(({ path, types }) => ({ path, types })), firstOffsets },
  };
}
