import { discoverPartitions, discoverTopicIds } from '@millrace/core/chain/discover.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';

/** Every source partition of a topic that has a chain, and the `known` ones, by topic id and partition. */
export async function sourcesOf(raw: ObjectStore, topic: string, known: readonly SourcePartition[] = []): Promise<SourcePartition[]> {
  const sources = new Map<string, SourcePartition>();
  for (const { topicId, partition } of known) sources.set(`${topicId}/${partition}`, { topicId, partition });
  for (const topicId of await discoverTopicIds(raw, topic))
    for (const partition of await discoverPartitions(raw, topic, topicId)) sources.set(`${topicId}/${partition}`, { topicId, partition });
  return [...sources.values()].sort((a, b) => (a.topicId === b.topicId ? a.partition - b.partition : a.topicId < b.topicId ? -1 : 1));
}
