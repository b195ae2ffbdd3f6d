import { type ChainEntry, type ChainStart, chainEntry, chainStart, parseStored } from '../domain/chain.ts';
import { checkFollows } from '../domain/chain-rules.ts';
import { MillraceError } from '../domain/errors.ts';
import { chainEntryKey, chainStartKey } from '../domain/keys.ts';
import type { SourcePartition } from '../domain/source.ts';
import type { ObjectStore } from '../ports/object-store.ts';

export { checkCovers, checkFollows, startOffsetOf } from '../domain/chain-rules.ts';

/**
 * One chain entry, or undefined when it has not been written yet: the next entry after `seq` is `readEntry(seq + 1)`, a listing is never truth.
 * @throws kind `invalid` for a newer format or kind (stop, never skip); kind `corrupt` when it is unreadable or names another place than the one it lies at
 */
export async function readEntry(
  store: ObjectStore,
  topic: string,
  source: SourcePartition,
  seq: bigint,
  signal?: AbortSignal,
): Promise<ChainEntry | undefined> {
  const key = chainEntryKey(topic, source, seq);
  const bytes = await store.get(key, { signal });
  if (bytes === undefined) return undefined;
  const entry = parseStored(chainEntry, bytes, `chain entry ${key}`);
  if (
    entry.seq !== seq ||
    entry.source.topicId !== source.topicId ||
    entry.source.partition !== source.partition ||
    entry.source.topic !== topic
  )
    throw new MillraceError(
      'corrupt',
      'chain_entry_misplaced',
      `chain entry ${key} says it is entry ${entry.seq} of ${entry.source.topic} ${entry.source.topicId}/${entry.source.partition}`,
      { key },
    );
  return entry;
}

/** First offsets of an incarnation's chains as resolved by its first claimant; undefined before that. Errors as `readEntry`. */
export async function readChainStart(
  store: ObjectStore,
  topic: string,
  topicId: string,
  signal?: AbortSignal,
): Promise<ChainStart | undefined> {
  const key = chainStartKey(topic, topicId);
  const bytes = await store.get(key, { signal });
  if (bytes === undefined) return undefined;
  const start = parseStored(chainStart, bytes, `chain start ${key}`);
  if (start.topicId !== topicId)
    throw new MillraceError('corrupt', 'chain_start_misplaced', `chain start ${key} is of topic id ${start.topicId}`, { key });
  return start;
}

/**
 * Entries in order from `fromSeq` until the first that is not there yet, each checked to follow the one before.
 * `previous` is the entry at `fromSeq − 1` when the caller has it, so that the first one is checked too.
 */
export async function* followChain(
  store: ObjectStore,
  topic: string,
  source: SourcePartition,
  fromSeq = 0n,
  previous?: ChainEntry,
  signal?: AbortSignal,
): AsyncGenerator<ChainEntry, void> {
  let before = previous;
  for (let seq = fromSeq; ; seq++) {
    const entry = await readEntry(store, topic, source, seq, signal);
    if (entry === undefined) return;
    if (before !== undefined || seq === 0n) checkFollows(before, entry);
    yield entry;
    before = entry;
  }
}
