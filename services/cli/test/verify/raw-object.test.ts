import type { DataEntry, RawObject } from '@millrace/core/domain/chain.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RawRun } from '../../src/verify/coverage.ts';
import { checkScan, layEntry, scanRawLines } from '../../src/verify/raw-object.ts';

const line = (offset: bigint, tombstone: boolean) =>
  tombstone
    ? `{"offset":${offset},"timestamp":1,"key":null,"tombstone":true}\n`
    : `{"offset":${offset},"timestamp":1,"key":null,"value":{"tombstone":true}}\n`;
const bytes = (text: string) => new TextEncoder().encode(text);

test('runs of lines hold every offset once, in order, with its kind and line', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 2n ** 62n), fc.array(fc.tuple(fc.nat(3), fc.boolean()), { minLength: 1, maxLength: 50 }), (from, steps) => {
      let offset = from;
      const records = steps.map(([jump, tombstone]) => {
        offset += BigInt(jump) + 1n;
        return { offset, tombstone };
      });
      const scan = scanRawLines(bytes(records.map((r) => line(r.offset, r.tombstone)).join('')), 'o');
      const seen = scan.runs.flatMap((run) =>
        Array.from({ length: Number(run.endOffset - run.startOffset) }, (_, i) => ({
          offset: run.startOffset + BigInt(i),
          tombstone: run.kind === 'tombstones',
          line: run.line + i,
        })),
      );
      expect(seen).toEqual(records.map((r, i) => ({ ...r, line: i })));
      expect(scan.recordCount).toBe(records.length);
    }),
  );
});

test('a value that looks like the end of a tombstone is none', () => {
  const scan = scanRawLines(
    bytes(
      '{"offset":1,"timestamp":1,"key":null,"value":"x\\",\\"tombstone\\":true}"}\n{"offset":2,"timestamp":1,"key":null,"value":{"a":1,"tombstone":true}}\n',
    ),
    'o',
  );
  expect(scan.runs).toEqual([{ kind: 'records', startOffset: 1n, endOffset: 3n, object: 'o', line: 0 }]);
});

test('what is not a raw line, or goes back, is refused', () => {
  expect(() => scanRawLines(bytes('{"offset":1,'), 'o')).toThrow('no line feed');
  expect(() => scanRawLines(bytes('{"timestamp":1}\n'), 'o')).toThrow('does not begin with an offset');
  expect(() => scanRawLines(bytes(line(2n, false) + line(2n, false)), 'o')).toThrow('offset 2 after 2');
});

const object = (startOffset: bigint, endOffset: bigint, recordCount: number, linesBytes: number): RawObject => ({
  key: 'o',
  bytes: 1,
  linesBytes,
  sha256: '',
  recordCount,
  startOffset,
  endOffset,
  firstTimestamp: null,
  lastTimestamp: null,
});

test('counts and offsets are compared with what the chain says', () => {
  const text = line(5n, false) + line(7n, false);
  const scan = scanRawLines(bytes(text), 'o');
  expect(checkScan(scan, object(5n, 8n, 2, text.length))).toEqual([]);
  expect(checkScan(scan, object(5n, 8n, 3, text.length)).map((f) => f.detail)).toEqual(['o: recordCount 2, the chain says 3']);
  expect(checkScan(scan, object(6n, 8n, 2, text.length)).map((f) => f.detail)).toEqual(['o: offsets 5 to 8, the chain says 6 to 8']);
});

const entry = (startOffset: bigint, endOffset: bigint, gaps: [bigint, bigint][]): DataEntry =>
  ({
    kind: 'data',
    seq: 3n,
    startOffset,
    endOffset,
    gaps: gaps.map(([s, e]) => ({ startOffset: s, endOffset: e, cause: 'not_delivered' })),
  }) as DataEntry;
const run = (startOffset: bigint, endOffset: bigint): RawRun => ({ kind: 'records', startOffset, endOffset, object: 'o', line: 0 });

test('an entry whose records and gaps leave a hole, or overlap, is a difference with its range', () => {
  expect(layEntry(entry(0n, 6n, [[2n, 4n]]), [run(0n, 2n), run(4n, 6n)], []).faults).toEqual([]);
  expect(layEntry(entry(0n, 6n, [[2n, 3n]]), [run(0n, 2n), run(4n, 6n)], []).faults.map((f) => [f.code, f.range])).toEqual([
    ['entry_not_covered', { startOffset: 3n, endOffset: 4n }],
  ]);
  expect(layEntry(entry(0n, 7n, [[2n, 4n]]), [run(0n, 2n), run(4n, 6n)], []).faults.map((f) => f.range)).toEqual([
    { startOffset: 6n, endOffset: 7n },
  ]);
  const twice = layEntry(entry(0n, 6n, [[1n, 4n]]), [run(0n, 2n), run(4n, 6n)], []);
  expect(twice.faults.map((f) => [f.code, f.range])).toEqual([['entry_covered_twice', { startOffset: 1n, endOffset: 2n }]]);
  expect(twice.runs.map((r) => [r.startOffset, r.endOffset])).toEqual([
    [0n, 2n],
    [2n, 4n],
    [4n, 6n],
  ]);
});

test('the range of an object that could not be read is not reported again', () => {
  expect(layEntry(entry(0n, 6n, [[2n, 3n]]), [run(3n, 6n)], [{ startOffset: 0n, endOffset: 2n }]).faults).toEqual([]);
});
