import type { ChainEntry } from '../domain/chain.ts';
import type { SourcePartition } from '../domain/source.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { readEntry } from './entries.ts';

/**
 * The newest entry of a chain, or undefined when the chain has none. The sequence is dense, so whether `seq` exists is monotone: gallop (1, 2, 4, … steps)
 * from `hint` until a 404, halve the gap, then go on entry by entry until the next one is missing, since others may write meanwhile.
 * About 2·log2(tail − hint) requests.
 * @param hint a seq known to exist, e.g. of the entry last read; the search begins there
 * @throws as `readEntry`
 */
export async function findTail(
  store: ObjectStore,
  topic: string,
  source: SourcePartition,
  hint = 0n,
  signal?: AbortSignal,
): Promise<ChainEntry | undefined> {
  let tail = await readEntry(store, topic, source, hint, signal);
  if (tail === undefined) return hint === 0n ? undefined : findTail(store, topic, source, 0n, signal);
  let missing: bigint | undefined;
  for (let step = 1n; missing === undefined; step *= 2n) {
    const entry = await readEntry(store, topic, source, tail.seq + step, signal);
    if (entry === undefined) missing = tail.seq + step;
    else tail = entry;
  }
  while (missing - tail.seq > 1n) {
    const middle: bigint = (tail.seq + missing) / 2n;
    const entry = await readEntry(store, topic, source, middle, signal);
    if (entry === undefined) missing = middle;
    else tail = entry;
  }
  for (
    let next = await readEntry(store, topic, source, tail.seq + 1n, signal);
    next !== undefined;
    next = await readEntry(store, topic, source, tail.seq + 1n, signal)
  )
    tail = next;
  return tail;
}

/**
 * The entry that covers `offset`, or the first one after it that begins there: entries with `endOffset <= offset` all lie before it.
 * Undefined when the chain does not reach beyond `offset` yet. Binary search; about log2(tail) requests.
 * @param tail the chain's newest entry, from `findTail`
 */
export async function findEntryCovering(
  store: ObjectStore,
  topic: string,
  source: SourcePartition,
  offset: bigint,
  tail: ChainEntry,
  signal?: AbortSignal,
): Promise<ChainEntry | undefined> {
  if (tail.endOffset <= offset) return undefined;
  let covering = tail;
  let below = -1n;
  while (covering.seq - below > 1n) {
    const middle = (covering.seq + below) / 2n;
    const entry = await readEntry(store, topic, source, middle, signal);
    if (entry !== undefined && entry.endOffset > offset) covering = entry;
    else below = middle;
  }
  return covering;
}
