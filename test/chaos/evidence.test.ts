import { describe, expect, test } from 'vitest';
import { placesOf } from './evidence.ts';
import { abortedOf, batchesOf } from './kafka-segment.ts';

/** A batch as a segment holds it; a marker's record says in its key whether it commits. */
function batch(options: { first: bigint; count: number; attributes: number; producerId: bigint; commits?: boolean }): Buffer {
  const records = Buffer.alloc(20);
  records.writeInt16BE(options.commits ? 1 : 0, 7);
  const head = Buffer.alloc(61);
  head.writeBigInt64BE(options.first, 0);
  head.writeInt32BE(head.length + records.length - 12, 8);
  head.writeInt32BE(4, 12);
  head.writeInt16BE(options.attributes, 21);
  head.writeInt32BE(options.count - 1, 23);
  head.writeBigInt64BE(options.producerId, 43);
  head.writeInt16BE(2, 51);
  head.writeInt32BE(7, 53);
  return Buffer.concat([head, records]);
}

function aborted(producerId: bigint, first: bigint, last: bigint): Buffer {
  const entry = Buffer.alloc(34);
  for (const [index, number] of [producerId, first, last, last + 1n].entries()) entry.writeBigInt64BE(number, 2 + 8 * index);
  return entry;
}

describe('evidence of a difference', () => {
  test('batches of a segment are told with producer and kind, a torn end is left out', () => {
    const segment = Buffer.concat([
      batch({ first: 5n, count: 3, attributes: 16, producerId: 9n }),
      batch({ first: 8n, count: 1, attributes: 48, producerId: 9n }),
      batch({ first: 9n, count: 1, attributes: 48, producerId: 9n, commits: true }),
      batch({ first: 10n, count: 2, attributes: 3, producerId: -1n }),
      batch({ first: 12n, count: 1, attributes: 0, producerId: -1n }).subarray(0, 70),
    ]);
    expect(batchesOf(segment).map(({ text }) => text)).toEqual([
      '[5-7 transactional, producer 9/2, sequence 7, leader epoch 4]',
      '[8-8 ABORT, producer 9/2, sequence 7, leader epoch 4]',
      '[9-9 COMMIT, producer 9/2, sequence 7, leader epoch 4]',
      '[10-11 plain, producer -1/2, sequence 7, leader epoch 4]',
    ]);
  });

  test('aborted transactions of one producer are told', () => {
    expect(abortedOf(Buffer.concat([aborted(9n, 5n, 8n), aborted(3n, 1n, 4n), aborted(9n, 10n, 12n)]), 9n)).toEqual(['5-8', '10-12']);
  });

  test('places are read from a report of verify, a few only', () => {
    const report = [
      '4 DIFFERENCES',
      ...[1, 2, 3, 4].map((n) => `  not_in_raw top_ic-x/${n} [10${n}, 11${n}): Kafka holds [7, 8)`),
      '4 in all',
    ];
    expect(placesOf(report.join('\n'))).toEqual([
      { partition: 1, offset: 101n },
      { partition: 2, offset: 102n },
      { partition: 3, offset: 103n },
    ]);
  });
});
