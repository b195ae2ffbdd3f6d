/* What a broker's segment and its index of aborted transactions say, without their records. */

/** Layout of a record batch's head in a segment, bytes from its start. @see Kafka protocol, "Record Batch" */
const at = {
  length: 8,
  leaderEpoch: 12,
  attributes: 21,
  lastOffsetDelta: 23,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  records: 61,
};
const BEFORE_LENGTH = 12;
const TRANSACTIONAL = 1 << 4;
const CONTROL = 1 << 5;
/** An entry of a `.txnindex` file: version, producer, first, last and last stable offset. */
const ABORTED_BYTES = 34;

/** `[first, last]` are offsets, both inclusive. */
export interface Batch {
  readonly first: bigint;
  readonly last: bigint;
  readonly producerId: bigint;
  readonly text: string;
}

/** Heads of the batches of a segment; a torn one at its end is left out. Pure. */
export function batchesOf(segment: Buffer): Batch[] {
  const found: Batch[] = [];
  for (let start = 0; start + at.records < segment.length; ) {
    const end = start + BEFORE_LENGTH + segment.readInt32BE(start + at.length);
    if (end > segment.length || end <= start + at.records) break;
    const first = segment.readBigInt64BE(start);
    const last = first + BigInt(segment.readInt32BE(start + at.lastOffsetDelta));
    const attributes = segment.readInt16BE(start + at.attributes);
    const producerId = segment.readBigInt64BE(start + at.producerId);
    const kind = attributes & CONTROL ? marker(segment, start) : attributes & TRANSACTIONAL ? 'transactional' : 'plain';
    const producer = `producer ${producerId}/${segment.readInt16BE(start + at.producerEpoch)}`;
    const sequence = `sequence ${segment.readInt32BE(start + at.baseSequence)}, leader epoch ${segment.readInt32BE(start + at.leaderEpoch)}`;
    found.push({ first, last, producerId, text: `[${first}-${last} ${kind}, ${producer}, ${sequence}]` });
    start = end;
  }
  return found;
}

/** The only record of a control batch has a key of four bytes, behind five fields of a byte each. */
const marker = (segment: Buffer, start: number) => (segment.readInt16BE(start + at.records + 7) === 1 ? 'COMMIT' : 'ABORT');

/** Entries of one producer in an index of aborted transactions. Pure. */
export function abortedOf(index: Buffer, producerId: bigint | undefined): string[] {
  const found: string[] = [];
  for (let start = 0; start + ABORTED_BYTES <= index.length; start += ABORTED_BYTES) {
    const [producer, first, last] = [2, 10, 18].map((place) => index.readBigInt64BE(start + place));
    if (producer === producerId) found.push(`${first}-${last}`);
  }
  return found;
}
