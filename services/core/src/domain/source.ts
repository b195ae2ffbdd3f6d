import { z } from 'zod';

/** Kafka's URL-safe 22-character topic id, or `name:<clusterId>:<topic>` for a broker that has none. */
export const topicId = z.string().min(1).max(300);

/** Identity of what is read. Names are for people: a recreated topic or a swapped cluster is a different source. */
export const sourceIdentity = z.strictObject({
  clusterId: z.string().min(1),
  topicId,
  topic: z.string().min(1),
  partition: z.number().int().min(0).max(99_999),
});
export type SourceIdentity = z.infer<typeof sourceIdentity>;

/** A topic and partition number of Kafka. */
export type TopicPartition = { topic: string; partition: number };

/** One incarnation of a source partition, the unit of chain, position and ledger. */
export type SourcePartition = { topicId: string; partition: number };

/** Stable text key for maps: `<topicId>/<partition>`. Pure. */
export function sourceKey(source: SourcePartition): string {
  return `${source.topicId}/${source.partition}`;
}

/** `appId` of the Delta `txn` that carries this partition's position. The table is its namespace. Pure. */
export function positionAppId(source: SourcePartition): string {
  return `millrace/${source.topicId}/${source.partition}`;
}

/** `appId` of the Delta `txn` that carries the ledger's head. */
export const ledgerAppId = 'millrace/ledger';
