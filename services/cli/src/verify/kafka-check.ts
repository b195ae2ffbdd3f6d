import type { OffsetRange } from '@millrace/core/domain/offsets.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { larger, smaller } from '../lake/bigints.ts';
import { walkEntries } from '../lake/chain-entries.ts';
import { readLines } from './chain-walk.ts';
import type { CoverageFault } from './coverage.ts';
import { compareWithKafka, type KafkaComparison, type LandedItem } from './kafka-compare.ts';
import type { KafkaBounds, KafkaReader, KafkaTopic } from './kafka-log.ts';
import { recordsOf } from './raw-records.ts';
import { recordHash } from './record-hash.ts';

/** How one source partition compares with Kafka. `compared` null: Kafka holds nothing of what landed any more, or nothing landed. */
export type KafkaPartition = SourcePartition & {
  /** false: it has no chain */
  landed: boolean;
  bounds: KafkaBounds;
  compared: OffsetRange | null;
  gone: OffsetRange | null;
  found: KafkaComparison;
};

const nothing: KafkaComparison = { equal: 0n, compactedSince: 0n, provenEmpty: 0n };

/**
 * Compares one chain with what Kafka still holds of that partition, record by record. Raw is read a second time; memory is one raw object and one fetch answer.
 * @param chain offsets the chain covers
 */
export async function checkAgainstKafka(
  raw: ObjectStore,
  log: KafkaReader,
  topic: KafkaTopic,
  source: SourcePartition,
  chain: OffsetRange,
  fault: (fault: CoverageFault) => void,
): Promise<KafkaPartition> {
  const bounds = await log.bounds(topic, source.partition);
  const from = larger(chain.startOffset, bounds.startOffset);
  const to = smaller(chain.endOffset, bounds.endOffset);
  const goneEnd = smaller(bounds.startOffset, chain.endOffset);
  const gone = goneEnd > chain.startOffset ? { startOffset: chain.startOffset, endOffset: goneEnd } : null;
  if (chain.endOffset > bounds.endOffset)
    fault({
      code: 'landed_beyond_kafka',
      range: { startOffset: larger(bounds.endOffset, chain.startOffset), endOffset: chain.endOffset },
      detail: `the chain reaches to ${chain.endOffset}, Kafka's last stable offset is ${bounds.endOffset}`,
    });
  if (from >= to) return { ...source, landed: true, bounds, compared: null, gone, found: nothing };
  const landed = landedItems(raw, topic.topic, source, { startOffset: from, endOffset: to });
  // a broker that does not tell its clean-up policy gets the benefit of the doubt: what it lacks may be compacted
  const found = await compareWithKafka(landed, log.items(topic, source.partition, from, to), topic.compacted ?? true, fault);
  return { ...source, landed: true, bounds, compared: { startOffset: from, endOffset: to }, gone, found };
}

/**
 * What Kafka holds of a partition that has no chain: a difference when landing of this incarnation has begun, for then every partition lands from `start` on.
 * @param start what start.json says of the partition; undefined when the incarnation has none
 */
export async function checkNeverLanded(
  log: KafkaReader,
  topic: KafkaTopic,
  source: SourcePartition,
  start: bigint | undefined,
  fault: (fault: CoverageFault) => void,
): Promise<KafkaPartition> {
  const bounds = await log.bounds(topic, source.partition);
  const startOffset = larger(start ?? 0n, bounds.startOffset);
  if (start !== undefined && startOffset < bounds.endOffset)
    fault({
      code: 'never_landed',
      range: { startOffset, endOffset: bounds.endOffset },
      detail: `nothing landed: the partition has no chain, Kafka holds ${bounds.startOffset}-${bounds.endOffset}`,
    });
  return { ...source, landed: false, bounds, compared: null, gone: null, found: nothing };
}

/** Hashes of the records, and the unproven gaps, of a chain inside `range`, ascending. What is broken there was reported by the walk before. */
async function* landedItems(raw: ObjectStore, topic: string, source: SourcePartition, range: OffsetRange): AsyncGenerator<LandedItem> {
  const clip = (gap: OffsetRange): OffsetRange => ({
    startOffset: larger(gap.startOffset, range.startOffset),
    endOffset: smaller(gap.endOffset, range.endOffset),
  });
  for await (const entry of walkEntries(raw, topic, source, () => undefined)) {
    if (entry.kind !== 'data' || entry.endOffset <= range.startOffset) continue;
    if (entry.startOffset >= range.endOffset) return;
    const gaps = entry.gaps
      .filter((gap) => gap.cause === 'not_delivered')
      .map(clip)
      .filter((gap) => gap.startOffset < gap.endOffset);
    let next = 0;
    for (const object of entry.objects) {
      if (object.endOffset <= range.startOffset || object.startOffset >= range.endOffset) continue;
      const lines = await readLines(raw, object, () => undefined);
      if (lines === undefined) continue;
      for (const record of recordsOf(lines)) {
        if (record.offset < range.startOffset || record.offset >= range.endOffset) continue;
        for (let gap = gaps[next]; gap !== undefined && gap.startOffset < record.offset; gap = gaps[++next]) yield { gap };
        yield { offset: record.offset, hash: recordHash(record) };
      }
    }
    for (let gap = gaps[next]; gap !== undefined; gap = gaps[++next]) yield { gap };
  }
}
