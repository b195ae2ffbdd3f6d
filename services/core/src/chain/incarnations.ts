import type { ChainStart } from '../domain/chain.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { discoverTopicIds } from './discover.ts';
import { readChainStart } from './entries.ts';

/** One topic of a name that landed. `start` is undefined where its start object is missing. */
export type Incarnation = { topicId: string; start: ChainStart | undefined };

/**
 * All incarnations of a topic that landed, the newest first: by when landing of each began, as its writer's clock had it. Requests as `discoverTopicIds`, and one each.
 * @param options.except a topic id that is left out
 * @throws as `readChainStart`
 */
export async function readIncarnations(
  store: ObjectStore,
  topic: string,
  options: { except?: string; signal?: AbortSignal } = {},
): Promise<Incarnation[]> {
  const { except, signal } = options;
  const topicIds = (await discoverTopicIds(store, topic, signal)).filter((topicId) => topicId !== except);
  const found = await Promise.all(
    topicIds.map(async (topicId) => ({ topicId, start: await readChainStart(store, topic, topicId, signal) })),
  );
  const begun = ({ start }: Incarnation) => Date.parse(start?.createdAt ?? '') || 0;
  return found.sort((a, b) => begun(b) - begun(a) || (a.topicId < b.topicId ? -1 : 1));
}
