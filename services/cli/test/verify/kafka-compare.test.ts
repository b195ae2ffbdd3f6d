import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareWithKafka, type KafkaItem, type LandedItem } from '../../src/verify/kafka-compare.ts';

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

async function compare(landed: LandedItem[], kafka: KafkaItem[], compacted = false) {
  const faults: string[] = [];
  const found = await compareWithKafka(each(landed), each(kafka), compacted, (fault) =>
    faults.push(`${fault.code} ${fault.range.startOffset}`),
  );
  return { found, faults };
}

/** A log: per offset a record, an aborted one, a control record, or nothing. */
const log = fc.array(fc.constantFrom('record', 'record', 'record', 'aborted', 'control', 'nothing'), { maxLength: 50 });
const kafkaOf = (kinds: readonly string[]): KafkaItem[] =>
  kinds.flatMap((kind, i) => (kind === 'nothing' ? [] : [{ offset: BigInt(i), hash: `h${i}`, kind: kind as KafkaItem['kind'] }]));
const landedOf = (kinds: readonly string[]): LandedItem[] =>
  kinds.map((kind, i) =>
    kind === 'record' ? { offset: BigInt(i), hash: `h${i}` } : { gap: { startOffset: BigInt(i), endOffset: BigInt(i) + 1n } },
  );

test('what landed as it should equals Kafka, and every gap is proven empty', async () => {
  await fc.assert(
    fc.asyncProperty(log, async (kinds) => {
      const { found, faults } = await compare(landedOf(kinds), kafkaOf(kinds));
      expect(faults).toEqual([]);
      expect(found.equal).toBe(BigInt(kinds.filter((kind) => kind === 'record').length));
      expect(found.provenEmpty).toBe(BigInt(kinds.filter((kind) => kind !== 'record').length));
    }),
  );
});

test('any one record lost, changed or invented is found at its offset', async () => {
  await fc.assert(
    fc.asyncProperty(log, fc.nat(), fc.constantFrom('lost', 'hidden', 'changed'), async (kinds, pick, how) => {
      const records = kinds.flatMap((kind, i) => (kind === 'record' ? [i] : []));
      if (records.length === 0) return;
      const at = records[pick % records.length] as number;
      const landed = landedOf(kinds).flatMap((item): LandedItem[] => {
        if (!('offset' in item) || item.offset !== BigInt(at)) return [item];
        if (how === 'changed') return [{ offset: item.offset, hash: 'other' }];
        return how === 'lost' ? [] : [{ gap: { startOffset: BigInt(at), endOffset: BigInt(at) + 1n } }];
      });
      const { faults } = await compare(landed, kafkaOf(kinds));
      expect(faults).toEqual([`${{ lost: 'not_in_raw', hidden: 'gap_not_empty', changed: 'record_differs' }[how]} ${at}`]);
    }),
  );
});

test('a landed record that Kafka does not have is a difference, unless the topic is compacted', async () => {
  const landed: LandedItem[] = [
    { offset: 1n, hash: 'a' },
    { offset: 2n, hash: 'b' },
  ];
  const kafka: KafkaItem[] = [{ offset: 2n, hash: 'b', kind: 'record' }];
  expect((await compare(landed, kafka)).faults).toEqual(['not_in_kafka 1']);
  expect(await compare(landed, kafka, true)).toEqual({ faults: [], found: { equal: 1n, compactedSince: 1n, provenEmpty: 0n } });
});

test('a landed record of an aborted transaction is a difference', async () => {
  expect((await compare([{ offset: 1n, hash: 'a' }], [{ offset: 1n, hash: 'a', kind: 'aborted' }])).faults).toEqual([
    'landed_not_committed 1',
  ]);
});
