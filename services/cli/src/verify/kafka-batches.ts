import type { KafkaItem } from './kafka-compare.ts';
import { recordHash } from './record-hash.ts';

/** A record batch as a fetch answer holds it. @see Kafka protocol, "Record Batch" */
export type RecordBatch = {
  firstOffset: bigint;
  lastOffsetDelta: number;
  attributes: number;
  firstTimestamp: bigint;
  maxTimestamp: bigint;
  producerId: bigint;
  records: readonly BatchRecord[];
};
type BatchRecord = {
  offsetDelta: number;
  timestampDelta: bigint;
  key: Buffer | null;
  value: Buffer | null;
  headers: readonly (readonly [Buffer, Buffer | null])[];
};
export type AbortedTransaction = { producerId: bigint; firstOffset: bigint };

const isControl = 1 << 5;
const isTransactional = 1 << 4;
const isLogAppendTime = 1 << 3;
/** Type of a control record that ends an aborted transaction; the other kind, 1, ends a committed one. */
const abortMarker = 0;

/**
 * What a `read_committed` reader makes of one fetch answer: the client hands over aborted records too, only the list beside them tells. Pure.
 * @param aborted as the answer gives them for this partition
 */
export function* itemsOf(batches: readonly RecordBatch[], aborted: readonly AbortedTransaction[]): Generator<KafkaItem> {
  const waiting = [...aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const open = new Set<bigint>();
  for (const batch of batches) {
    const lastOffset = batch.firstOffset + BigInt(batch.lastOffsetDelta);
    while (waiting[0] !== undefined && waiting[0].firstOffset <= lastOffset) open.add((waiting.shift() as AbortedTransaction).producerId);
    const control = (batch.attributes & isControl) !== 0;
    const lost = !control && (batch.attributes & isTransactional) !== 0 && open.has(batch.producerId);
    for (const record of batch.records) {
      const offset = batch.firstOffset + BigInt(record.offsetDelta);
      if (control || lost) yield { offset, hash: '', kind: control ? 'control' : 'aborted' };
      else yield { offset, hash: hashOf(batch, record), kind: 'record' };
    }
    const marker = control ? batch.records[0]?.key : undefined;
    if (marker !== null && marker !== undefined && marker.readInt16BE(2) === abortMarker) open.delete(batch.producerId);
  }
}

function hashOf(batch: RecordBatch, record: BatchRecord): string {
  const timestamp = (batch.attributes & isLogAppendTime) !== 0 ? batch.maxTimestamp : batch.firstTimestamp + record.timestampDelta;
  return recordHash({
    key: record.key,
    value: record.value,
    headers: record.headers.map(([name, value]) => [name.toString('utf8'), value] as const),
    timestamp: timestamp === -1n ? null : Number(timestamp),
  });
}
