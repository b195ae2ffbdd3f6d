import { findEntryCovering, findTail } from '@millrace/core/chain/tail.ts';
import type { ChainEntry } from '@millrace/core/domain/chain.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { type ChainFault, walkEntries } from '../lake/chain-entries.ts';

/** Which part of a topic's chains: `[from, to)` of offsets; undefined is all. */
export type RawSelection = { from: bigint | undefined; to: bigint | undefined };

/** Entries shown at a time. */
const pageEntries = 200;

/**
 * Entries of one chain that cover something of the selection, and the claims between them, in order. The first is searched by halves, not walked to.
 * @param fault told of what is broken; the walk goes on where it can
 */
export async function* entriesOf(
  raw: ObjectStore,
  topic: string,
  source: SourcePartition,
  { from, to }: RawSelection,
  fault: (fault: ChainFault) => void,
): AsyncGenerator<ChainEntry> {
  let fromSeq = 0n;
  if (from !== undefined && from > 0n) {
    const tail = await findTail(raw, topic, source);
    const first = tail === undefined ? undefined : await findEntryCovering(raw, topic, source, from, tail);
    if (first === undefined) return;
    fromSeq = first.seq;
  }
  for await (const entry of walkEntries(raw, topic, source, fault, fromSeq)) {
    if (to !== undefined && entry.startOffset >= to) return;
    yield entry;
  }
}

/** One entry as `raw ls` shows it. Offsets half-open. */
export type ListedEntry = {
  topic: string;
  topicId: string;
  partition: number;
  seq: bigint;
  kind: ChainEntry['kind'];
  startOffset: bigint;
  endOffset: bigint;
  records: number;
  /** stored bytes */
  bytes: number;
  epoch: bigint;
  at: string;
  attemptId: string;
  writer: string;
  gaps: { startOffset: bigint; endOffset: bigint; cause: string }[];
  reason: string | null;
  objects: { key: string; records: number; bytes: number; startOffset: bigint; endOffset: bigint; sha256: string }[];
};

/** Pure. */
export function listed(topic: string, source: SourcePartition, entry: ChainEntry): ListedEntry {
  const objects = entry.kind === 'data' ? entry.objects : [];
  return {
    topic,
    topicId: source.topicId,
    partition: source.partition,
    seq: entry.seq,
    kind: entry.kind,
    startOffset: entry.startOffset,
    endOffset: entry.endOffset,
    records: objects.reduce((sum, object) => sum + object.recordCount, 0),
    bytes: objects.reduce((sum, object) => sum + object.bytes, 0),
    epoch: entry.epoch,
    at: entry.createdAt,
    attemptId: entry.attemptId,
    writer: entry.writer,
    gaps: entry.kind === 'data' || entry.kind === 'gap' ? entry.gaps : [],
    reason: entry.kind === 'gap' || entry.kind === 'close' ? entry.reason : null,
    objects: objects.map(({ key, recordCount, bytes, startOffset, endOffset, sha256 }) => ({
      key,
      records: recordCount,
      bytes,
      startOffset,
      endOffset,
      sha256,
    })),
  };
}

/** Entries of several chains, a page at a time; a page never mixes chains. */
export async function* listedPages(
  raw: ObjectStore,
  topic: string,
  sources: readonly SourcePartition[],
  selection: RawSelection,
  fault: (source: SourcePartition, fault: ChainFault) => void,
): AsyncGenerator<ListedEntry[]> {
  for (const source of sources) {
    let page: ListedEntry[] = [];
    for await (const entry of entriesOf(raw, topic, source, selection, (found) => fault(source, found))) {
      page.push(listed(topic, source, entry));
      if (page.length < pageEntries) continue;
      yield page;
      page = [];
    }
    yield page;
  }
}
