import type { OffsetRange } from '@millrace/core/domain/offsets.ts';
import type { CoverageFault } from './coverage.ts';

/** What landed at an offset, by a hash over key, value, headers and timestamp; or a `not_delivered` gap, whose emptiness is to be proven. */
export type LandedItem = { offset: bigint; hash: string } | { gap: OffsetRange };
/** What Kafka holds at an offset: a record a `read_committed` reader gets, one of an aborted transaction, or a control record. */
export type KafkaItem = { offset: bigint; hash: string; kind: 'record' | 'aborted' | 'control' };

export type KafkaComparison = {
  /** in both, equal */
  equal: bigint;
  /** landed, and Kafka's compaction has since removed them */
  compactedSince: bigint;
  /** offsets of `not_delivered` gaps now known to hold no record for us */
  provenEmpty: bigint;
};

/**
 * Compares what landed with what Kafka still holds over the same offsets. Both ascending. Does no I/O of its own and keeps one item of each side.
 * @param compacted whether the topic may lose records by compaction; otherwise a landed record that Kafka does not have is a difference
 * @param fault told of every difference
 */
export async function compareWithKafka(
  landed: AsyncIterable<LandedItem>,
  kafka: AsyncIterable<KafkaItem>,
  compacted: boolean,
  fault: (fault: CoverageFault) => void,
): Promise<KafkaComparison> {
  const found: KafkaComparison = { equal: 0n, compactedSince: 0n, provenEmpty: 0n };
  const say = (code: string, offset: bigint, detail: string) =>
    fault({ code, range: { startOffset: offset, endOffset: offset + 1n }, detail });
  const right = kafka[Symbol.asyncIterator]();
  const take = async (): Promise<KafkaItem | undefined> => {
    const step = await right.next();
    return step.done === true ? undefined : step.value;
  };
  let theirs = await take();
  /** Kafka's items below `end` that nothing of ours stands at */
  const passUntil = async (end: bigint | undefined) => {
    for (; theirs !== undefined && (end === undefined || theirs.offset < end); theirs = await take())
      if (theirs.kind === 'record') say('not_in_raw', theirs.offset, 'Kafka holds a record that did not land');
  };
  for await (const ours of landed) {
    if ('gap' in ours) {
      await passUntil(ours.gap.startOffset);
      found.provenEmpty += ours.gap.endOffset - ours.gap.startOffset;
      for (; theirs !== undefined && theirs.offset < ours.gap.endOffset; theirs = await take()) {
        if (theirs.kind !== 'record') continue;
        found.provenEmpty--;
        say('gap_not_empty', theirs.offset, 'Kafka holds a record where the chain says not_delivered');
      }
      continue;
    }
    await passUntil(ours.offset);
    if (theirs === undefined || theirs.offset > ours.offset) {
      if (compacted) found.compactedSince++;
      else say('not_in_kafka', ours.offset, 'landed, but Kafka holds no record there and does not compact this topic');
      continue;
    }
    if (theirs.kind !== 'record')
      say(
        'landed_not_committed',
        ours.offset,
        `landed, but in Kafka it is ${theirs.kind === 'aborted' ? 'of an aborted transaction' : 'a control record'}`,
      );
    else if (theirs.hash !== ours.hash)
      say('record_differs', ours.offset, 'key, value, headers or timestamp in raw are not what Kafka holds');
    else found.equal++;
    theirs = await take();
  }
  await passUntil(undefined);
  return found;
}
