import type { DatasetStatus } from '@millrace/metastore/client/client.ts';

/** Datasets named in one sentence at most. */
const namedMax = 5;

/**
 * A status without what nobody knows any more: while phase 1 is silent, the ends of Kafka it told last are of that moment, and Kafka may have gone on.
 * What waits for the table stays known. Pure.
 */
export function withKnownEnds(status: DatasetStatus): DatasetStatus {
  if (status.landingSilentSince === undefined) return status;
  return {
    ...status,
    partitions: status.partitions.map((partition) => ({ ...partition, end: null, lagRecords: null })),
    // that nothing waits was true at that moment
    lagSeconds: status.lagSeconds === 0 ? null : status.lagSeconds,
  };
}

/** What to say of datasets of which nobody tells where Kafka ends; undefined when there is none. Pure. */
export function silenceSentence(statuses: readonly Pick<DatasetStatus, 'name' | 'landingSilentSince'>[]): string | undefined {
  const silent = statuses.flatMap(({ name, landingSilentSince: since }) => (since === undefined ? [] : [`${since} (${name})`]));
  if (silent.length === 0) return undefined;
  const more = silent.length > namedMax ? ` and ${silent.length - namedMax} more` : '';
  return `no phase-1 worker has told where Kafka ends since ${silent.slice(0, namedMax).join(', ')}${more}: how far landing is behind is not known. Is phase 1 running? See: millrace doctor`;
}
