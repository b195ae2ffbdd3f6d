import type { SourcePartition } from './source.ts';

/** Decimal text of fixed width, so that byte order is number order. Pure. */
export function padded(n: bigint | number, width: number): string {
  return n.toString().padStart(width, '0');
}

/*
 * Every key of the system, relative to the root it lives under: raw keys to MILLRACE_RAW_URL, table keys to <MILLRACE_TABLES_URL>/<dataset>.
 * "Full key" in a chain entry means the key below MILLRACE_RAW_URL, beginning with the topic, so that a lake can be moved as a whole.
 */

/** Where a sealed raw object lies. `sealedAt` in ms since 1970, UTC. Pure. */
export function rawObjectKey(topic: string, sealedAt: number, partition: number, startOffset: bigint, epoch: bigint, ulid: string): string {
  const minute = new Date(sealedAt).toISOString().slice(0, 16).replace(/[-T:]/g, '/');
  return `${topic}/${minute}/${padded(partition, 5)}-${padded(startOffset, 20)}-${epoch}-${ulid}.jsonl.zst`;
}

/** Prefix of all chains of a topic, over all its incarnations. */
export const chainRoot = (topic: string) => `${topic}/_chain/`;
/** Prefix of the chains of one incarnation. */
export const chainTopicPrefix = (topic: string, topicId: string) => `${chainRoot(topic)}${topicId}/`;
/** Prefix of one chain. */
export const chainPrefix = (topic: string, source: SourcePartition) =>
  `${chainTopicPrefix(topic, source.topicId)}${padded(source.partition, 5)}/`;
/** One chain entry. */
export const chainEntryKey = (topic: string, source: SourcePartition, seq: bigint) =>
  `${chainPrefix(topic, source)}${padded(seq, 20)}.json`;
/** What the owner of an epoch recorded of the records it was handed (exact rule R13). */
export const flightMarkKey = (topic: string, source: SourcePartition, epoch: bigint) =>
  `${chainPrefix(topic, source)}_flight/${padded(epoch, 20)}.json`;
/** First offsets of an incarnation's chains. */
export const chainStartKey = (topic: string, topicId: string) => `${chainTopicPrefix(topic, topicId)}start.json`;

/** A ledger object of a table. */
export const ledgerKey = (ledgerId: bigint) => `_millrace/ledger/${ledgerId}.json`;
/** Where a table begins on a chain. */
export const tableStartKey = (source: SourcePartition) => `_millrace/start/${source.topicId}-${source.partition}.json`;
/** A configuration a table was written under. */
export const tableConfigKey = (datasetId: string, version: number) => `_millrace/config/${datasetId}-${version}.json`;
/** A segment of quarantine pointers. */
export const quarantineSegmentKey = (ulid: string) => `_millrace/quarantine/${ulid}.json`;
/** Marker left by DELETE of a dataset (exact rule R6). */
export const deletedMarkerKey = (datasetId: string) => `_millrace/deleted/${datasetId}.json`;
/** A Delta commit. */
export const deltaCommitKey = (version: bigint) => `_delta_log/${padded(version, 20)}.json`;
