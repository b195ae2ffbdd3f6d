/*
 * What an owner tells the group beside the offset it commits. Anybody may overwrite it, and it may be old: the next owner begins to look for the end of
 * the chain there and believes only the chain.
 */

/** Where an owner was: which chain, under which epoch, with which newest entry. */
export type ToldPosition = { topicId: string; epoch: bigint; seq: bigint };

/** As a group keeps it. Pure. */
export function tellPosition({ topicId, epoch, seq }: ToldPosition): string {
  return JSON.stringify({ topicId, epoch: epoch.toString(), seq: seq.toString() });
}

/** The `seq` told of this very chain; undefined for another chain's, for nothing, and for whatever cannot be read. Pure. */
export function seqTold(text: string | undefined, topicId: string): bigint | undefined {
  if (text === undefined || text === '') return undefined;
  try {
    const told = JSON.parse(text) as { topicId?: unknown; seq?: unknown } | null;
    return told?.topicId === topicId && typeof told.seq === 'string' && /^[0-9]{1,19}$/.test(told.seq) ? BigInt(told.seq) : undefined;
  } catch {
    return undefined;
  }
}
