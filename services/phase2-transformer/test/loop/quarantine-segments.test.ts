import { systemRandom } from '@millrace/core/adapters/system/random.ts';
import { readQuarantineSegment } from '@millrace/core/delta/ledger-reader.ts';
import type { QuarantinePointer } from '@millrace/core/domain/ledger.ts';
import { memoryStore } from '@millrace/core/testing/memory-store.ts';
import { describe, expect, it } from 'vitest';
import { mergedBytesMax, openSegments, writeSegments } from '../../src/loop/quarantine-segments.ts';

const pointer = (offset: number): QuarantinePointer => ({
  rawObject: 'orders/x',
  topicId: 't',
  partition: 0,
  startLine: offset,
  endLine: offset + 1,
  startOffset: BigInt(offset),
  endOffset: BigInt(offset + 1),
  records: 1,
  stage: 'decode',
  reason: 'not_json',
  detail: '',
  datasetVersion: 1,
  schemaVersion: 1,
});
const range = (count: number, from = 0) => Array.from({ length: count }, (_, i) => pointer(from + i));

describe('quarantine segments', () => {
  it('hold at most 10,000 pointers and come back checked', async () => {
    const { store, objects } = memoryStore();
    const deps = { table: store, random: systemRandom };
    const refs = await writeSegments(deps, range(10_001));
    expect(refs.map(({ records }) => records)).toEqual([10_000n, 1n]);
    expect(await readQuarantineSegment(store, refs[1] ?? expect.fail())).toEqual([pointer(10_000)]);
    objects.set(refs[1]?.key ?? '', Buffer.from('{}'));
    await expect(readQuarantineSegment(store, refs[1] ?? expect.fail())).rejects.toThrow(/has SHA-256/);
    expect(await writeSegments(deps, [])).toEqual([]);
  });

  it('are merged beyond 1,000, the smallest first, and no pointer is lost', async () => {
    const { store } = memoryStore();
    const deps = { table: store, random: systemRandom };
    const refs = [];
    for (let i = 0; i < 1001; i++) refs.push(...(await writeSegments(deps, range(i === 0 ? 50 : 1, i * 100))));
    const open = (await openSegments(deps, refs)) ?? expect.fail();
    expect(open.length).toBeLessThanOrEqual(1000);
    expect(open[0]).toBe(refs[0]);
    const pointers = [];
    for (const ref of open) pointers.push(...(await readQuarantineSegment(store, ref)));
    expect(new Set(pointers.map(({ startOffset }) => startOffset)).size).toBe(1050);
    expect(open.reduce((sum, { records }) => sum + records, 0n)).toBe(1050n);
  });

  it('are merged into segments of bounded size only, and beyond that refused', async () => {
    const { store, objects } = memoryStore();
    const deps = { table: store, random: systemRandom };
    const large = { key: 'large', sha256: '0'.repeat(64), bytes: mergedBytesMax, records: 1n };
    const many = Array.from({ length: 998 }, () => large);
    const small = [];
    for (let i = 0; i < 3; i++) small.push(...(await writeSegments(deps, range(1, i))));
    const open = (await openSegments(deps, [...many, ...small])) ?? expect.fail();
    expect(open.slice(0, -1)).toEqual(many);
    expect(await readQuarantineSegment(store, open.at(-1) ?? expect.fail())).toEqual(range(3));
    const before = objects.size;
    expect(await openSegments(deps, [...many, ...small.slice(0, 1), large, large])).toBeUndefined();
    expect(objects.size).toBe(before);
  });
});
