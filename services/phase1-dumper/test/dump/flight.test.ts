import { encodeStored, parseStored } from '@millrace/core/domain/chain.ts';
import { type FlightMark, flightMark } from '@millrace/core/domain/flight.ts';
import { flightMarkKey } from '@millrace/core/domain/keys.ts';
import { describe, expect, test } from 'vitest';
import { aloneRecordsMax, judgeFlight, nextAloneStep, poisonReason } from '../../src/dump/flight.ts';

const mark = (epoch: number, offset: number, more: Partial<FlightMark> = {}): FlightMark => ({
  format: 1,
  epoch: BigInt(epoch),
  offset: BigInt(offset),
  mode: 'shared',
  records: null,
  aloneDeaths: 0,
  state: 'flying',
  writer: 'host-4711',
  writtenAt: '2026-01-01T00:00:00.000Z',
  ...more,
});
const alone = (epoch: number, offset: number, more: Partial<FlightMark> = {}) =>
  mark(epoch, offset, { mode: 'alone', records: 1, ...more });

describe('R13: which deaths count against an offset', () => {
  test.each<[string, FlightMark[], ReturnType<typeof judgeFlight>]>([
    ['no owner wrote a mark', [], { approach: 'shared', deaths: 0 }],
    ['two died', [mark(5, 7), mark(4, 7)], { approach: 'shared', deaths: 2 }],
    ['three died', [mark(5, 7), mark(4, 7), mark(3, 7)], { approach: 'alone', deaths: 3, aloneDeaths: 0 }],
    [
      'one of three gave the records back alive',
      [mark(5, 7), mark(4, 7, { state: 'released' }), mark(3, 7)],
      { approach: 'shared', deaths: 2 },
    ],
    ['progress was made in between', [mark(5, 7), mark(4, 7), mark(3, 6), mark(2, 7)], { approach: 'shared', deaths: 2 }],
    ['ten died, each after some progress', Array.from({ length: 6 }, (_, i) => mark(9 - i, 6 - i)), { approach: 'shared', deaths: 0 }],
    [
      'the owner that landed alone ended in good order',
      [alone(5, 7, { state: 'released' })],
      { approach: 'alone', deaths: 0, aloneDeaths: 0 },
    ],
    [
      'a lone reader had died before',
      [alone(5, 7, { aloneDeaths: 1, state: 'released' })],
      { approach: 'alone', deaths: 0, aloneDeaths: 1 },
    ],
    ['the owner died itself while one record was read alone', [alone(5, 7)], { approach: 'alone', deaths: 1, aloneDeaths: 1 }],
    ['it died while many were read alone', [alone(5, 7, { records: 64 })], { approach: 'alone', deaths: 1, aloneDeaths: 0 }],
    ['it and a lone reader died', [alone(5, 7, { aloneDeaths: 1 })], { approach: 'stop', deaths: 1, aloneDeaths: 2 }],
    ['two lone readers died', [alone(5, 7, { aloneDeaths: 2, state: 'released' })], { approach: 'stop', deaths: 0, aloneDeaths: 2 }],
  ])('%s', (_what, marks, verdict) => {
    expect(judgeFlight(7n, marks)).toEqual(verdict);
  });
});

test('records read alone double until a bound; after a death an eighth is read at a time, until what was deadly is past', () => {
  const start = { records: 1, suspectEnd: 0n };
  expect(nextAloneStep(start, 'landed', 1n)).toEqual({ records: 2, suspectEnd: 0n });
  expect(nextAloneStep({ ...start, records: aloneRecordsMax }, 'landed', 9n).records).toBe(aloneRecordsMax);
  const died = nextAloneStep({ ...start, records: 64 }, 'died', 63n);
  expect(died).toEqual({ records: 8, suspectEnd: 127n });
  expect(nextAloneStep(died, 'landed', 71n)).toEqual(died);
  expect(nextAloneStep(died, 'landed', 127n).records).toBe(16);
  expect(nextAloneStep(died, 'died', 71n)).toEqual({ records: 1, suspectEnd: 79n });
});

test('the reason names the exact offset and the command, beyond 2^53 too', () => {
  const offset = 2n ** 53n + 1n;
  expect(poisonReason('orders', 7, offset, 2)).toContain(`offset ${offset} of orders/7`);
  expect(poisonReason('orders', 7, offset, 2)).toContain(
    `millrace gaps accept <dataset> --partition 7 --from ${offset} --to ${offset + 1n}`,
  );
});

test('a mark comes back as it was written', () => {
  const written = alone(12, Number.MAX_SAFE_INTEGER);
  expect(parseStored(flightMark, encodeStored(flightMark, written), 'mark')).toEqual(written);
  expect(flightMarkKey('orders', { topicId: 'id', partition: 7 }, 12n)).toBe('orders/_chain/id/00007/_flight/00000000000000000012.json');
});
