import { maySameCluster } from './identity.ts';

/** What the consuming client has seen of a topic since it was built. `leaderEpochMax`: highest of its partitions, -1 when unknown. */
export type SeenTopic = { clusterId: string | null; topicId: string; leaderEpochMax: number };

/**
 * Will the consuming client never read this topic again? Pure. librdkafka keeps leader epochs by topic name and takes lower ones for stale news:
 * a topic made again, or one of another cluster, whose epochs begin below those it knows, is then never fetched. Only a new client helps.
 * @param now the topic as described; `leaderEpochMin` is the lowest of its partitions
 */
export function clientIsStale(
  seen: SeenTopic | undefined,
  now: { clusterId: string | null; topicId: string; leaderEpochMin: number },
): boolean {
  if (seen === undefined) return false;
  if (!maySameCluster(seen.clusterId, now.clusterId)) return true;
  return seen.topicId !== now.topicId && now.leaderEpochMin < seen.leaderEpochMax;
}
