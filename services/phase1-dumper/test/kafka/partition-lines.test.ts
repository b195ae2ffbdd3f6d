import { describe, expect, test } from 'vitest';
import { topicIdText } from '../../src/kafka/metadata.ts';
import { headerPairs } from '../../src/kafka/native-headers.ts';
import { type NativeMessage, PartitionLines } from '../../src/kafka/partition-lines.ts';

const message = (offset: number, more: Partial<NativeMessage> = {}): NativeMessage => ({
  offset,
  timestamp: 1000 + offset,
  key: null,
  value: Buffer.from(`${offset}`),
  leaderEpoch: 2,
  ...more,
});
const text = (lines: Uint8Array | undefined) => Buffer.from(lines ?? []).toString();

describe('ranges of one partition', () => {
  test('holes between records and before the end become gaps, and nothing is counted twice', () => {
    const lines = new PartitionLines('orders', 1, 5n);
    expect(lines.take(0)).toBeUndefined();
    for (const offset of [6, 7, 10]) expect(lines.append(message(offset))).toBe(true);
    lines.endReached(12);
    const range = lines.take(99);
    expect(range).toMatchObject({
      startOffset: 5n,
      endOffset: 12n,
      recordCount: 3,
      firstTimestamp: 1006,
      lastTimestamp: 1010,
      leaderEpoch: 2,
      arrivedAt: 99,
    });
    expect(range?.gaps.map(({ startOffset, endOffset }) => [startOffset, endOffset])).toEqual([
      [5n, 6n],
      [8n, 10n],
      [11n, 12n],
    ]);
    expect(text(range?.lines).split('\n')).toHaveLength(4);
    expect(lines.take(100)).toBeUndefined();
  });

  test('records from before the position are not landed again', () => {
    const lines = new PartitionLines('orders', 1, 5n);
    expect(lines.append(message(4))).toBe(false);
    lines.endReached(3);
    expect(lines.take(0)).toBeUndefined();
  });

  test("Kafka's -1 is no timestamp", () => {
    const lines = new PartitionLines('orders', 1, 0n);
    lines.append(message(0, { timestamp: -1 }));
    expect(lines.take(0)).toMatchObject({ firstTimestamp: null, lastTimestamp: null });
  });

  test('an offset beyond 2^53 stops rather than round', () => {
    expect(() => new PartitionLines('orders', 1, 0n).append(message(2 ** 53))).toThrow(RangeError);
  });
});

test('native headers keep order and repeats; __proto__ is a name like any other', () => {
  const hidden = Object.setPrototypeOf({}, Buffer.from('x')) as Record<string, Buffer>;
  expect(headerPairs([{ a: Buffer.from('1') }, { a: Buffer.from('2') }, hidden])).toEqual([
    ['a', Buffer.from('1')],
    ['a', Buffer.from('2')],
    ['__proto__', Buffer.from('x')],
  ]);
  expect(headerPairs(undefined)).toBeNull();
  expect(headerPairs([])).toBeNull();
});

test("topic ids take Kafka's URL-safe text; the zero id is none", () => {
  expect(topicIdText('fbefbeff-0000-4000-8000-00000000000f')).toBe(
    Buffer.from('fbefbeff000040008000000000 00000f'.replace(' ', ''), 'hex').toString('base64url'),
  );
  expect(topicIdText('fbefbeff-0000-4000-8000-00000000000f')).toMatch(/^[A-Za-z0-9_-]{22}$/);
  expect(topicIdText('00000000-0000-0000-0000-000000000000')).toBeUndefined();
  expect(topicIdText(undefined)).toBeUndefined();
});
