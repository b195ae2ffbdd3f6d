import { checkFollows, readEntry } from '@millrace/core/chain/entries.ts';
import type { ChainEntry } from '@millrace/core/domain/chain.ts';
import { describeError, isKind } from '@millrace/core/domain/errors.ts';
import { chainEntryKey, chainPrefix } from '@millrace/core/domain/keys.ts';
import type { OffsetRange } from '@millrace/core/domain/offsets.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';

/** Something that is not as the law of the chain says. `range` half-open source offsets, exact. */
export type ChainFault = { code: string; range: OffsetRange; detail: string };

/**
 * Entries of a chain from `fromSeq` to its end. Each is held against the law of the chain; what is broken is told to `fault` and walked over,
 * so that one broken link does not hide the next. An entry that is missing while later ones exist, or that cannot be read, ends the walk.
 * @param fromSeq where to begin; that entry is not held against the one before it unless it is the first
 */
export async function* walkEntries(
  raw: ObjectStore,
  topic: string,
  source: SourcePartition,
  fault: (fault: ChainFault) => void,
  fromSeq = 0n,
): AsyncGenerator<ChainEntry> {
  let previous: ChainEntry | undefined;
  for (let seq = fromSeq; ; seq++) {
    const at = previous?.endOffset ?? 0n;
    let entry: ChainEntry | undefined;
    try {
      entry = await readEntry(raw, topic, source, seq);
    } catch (error) {
      if (!isKind(error, 'corrupt')) throw error;
      fault({ code: 'chain_entry_unreadable', range: { startOffset: at, endOffset: at }, detail: describeError(error) });
      return;
    }
    if (entry === undefined) {
      const later = await laterEntry(raw, topic, source, seq);
      if (later === undefined) return;
      // it may have been written since; then the walk goes on
      entry = await readEntry(raw, topic, source, seq);
      if (entry === undefined) {
        fault({
          code: 'chain_entry_missing',
          range: { startOffset: at, endOffset: at },
          detail: `${chainEntryKey(topic, source, seq)} is not there, but ${later} is`,
        });
        return;
      }
    }
    try {
      if (previous !== undefined || seq === 0n) checkFollows(previous, entry);
    } catch (error) {
      if (!isKind(error, 'corrupt')) throw error;
      fault({ code: error.code, range: { startOffset: entry.startOffset, endOffset: entry.endOffset }, detail: error.message });
    }
    yield entry;
    previous = entry;
  }
}

async function laterEntry(raw: ObjectStore, topic: string, source: SourcePartition, seq: bigint): Promise<string | undefined> {
  const prefix = chainPrefix(topic, source);
  const [later] = await raw.list(prefix, { startAfter: chainEntryKey(topic, source, seq), limit: 1 });
  // series of their own lie in folders beside the entries
  return later !== undefined && /^[0-9]{20}\.json$/.test(later.key.slice(prefix.length)) ? later.key : undefined;
}
