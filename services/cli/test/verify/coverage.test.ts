import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Coverage, type CoverageFault, type QuarantineRun, type RawRun, sweepCoverage } from '../../src/verify/coverage.ts';

type Fate = 'row' | 'quarantined' | 'tombstone' | 'gap';
type World = { fates: Fate[]; start: bigint; position: bigint };

/** Offsets 0 … n with a fate each, and a table over part of them. */
const world = fc
  .array(fc.constantFrom<Fate>('row', 'row', 'row', 'quarantined', 'tombstone', 'gap'), { minLength: 1, maxLength: 60 })
  .chain((fates) =>
    fc
      .tuple(fc.nat(fates.length), fc.nat(fates.length))
      .map(([a, b]): World => ({ fates, start: BigInt(Math.min(a, b)), position: BigInt(Math.max(a, b)) })),
  );

const one = (offset: number) => ({ startOffset: BigInt(offset), endOffset: BigInt(offset) + 1n });

function lay({ fates, start, position }: World): {
  raw: RawRun[];
  rows: { startOffset: bigint; endOffset: bigint }[];
  quarantined: QuarantineRun[];
} {
  const covered = (offset: number) => BigInt(offset) >= start && BigInt(offset) < position;
  let line = 0;
  const raw = fates.map((fate, offset): RawRun => {
    if (fate === 'gap') return { kind: 'gap', cause: 'not_delivered', ...one(offset) };
    return { kind: fate === 'tombstone' ? 'tombstones' : 'records', object: 'o', line: line++, ...one(offset) };
  });
  const at = (kind: Fate) => fates.flatMap((fate, offset) => (fate === kind && covered(offset) ? [offset] : []));
  const lineOf = (offset: number) => (raw[offset] as { line: number }).line;
  return {
    raw,
    rows: at('row').map(one),
    quarantined: at('quarantined').map((offset) => ({ ...one(offset), object: 'o', startLine: lineOf(offset), reason: 'not_json' })),
  };
}

async function sweep(
  laid: ReturnType<typeof lay>,
  table: { startOffset: bigint; position: bigint },
): Promise<{ found: Coverage; faults: CoverageFault[] }> {
  const faults: CoverageFault[] = [];
  const found = await sweepCoverage(laid.raw, laid.rows, laid.quarantined, table, (fault) => faults.push(fault));
  return { found, faults };
}

test('a table where every offset has one fate has no difference, and the terms add up', async () => {
  await fc.assert(
    fc.asyncProperty(world, async (w) => {
      const { found, faults } = await sweep(lay(w), { startOffset: w.start, position: w.position });
      expect(faults).toEqual([]);
      const sum = (counts: Map<string, bigint>) => [...counts.values()].reduce((a, b) => a + b, 0n);
      expect(found.committed + sum(found.quarantined) + found.dropped + sum(found.gaps)).toBe(w.position - w.start);
      expect(found.pending).toBe(BigInt(w.fates.length) - w.position);
    }),
    { numRuns: 500 },
  );
});

test('joining neighbouring runs changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(world, async (w) => {
      const laid = lay(w);
      const table = { startOffset: w.start, position: w.position };
      const joined = laid.rows.reduce<{ startOffset: bigint; endOffset: bigint }[]>((runs, run) => {
        const last = runs.at(-1);
        if (last?.endOffset === run.startOffset) last.endOffset = run.endOffset;
        else runs.push({ ...run });
        return runs;
      }, []);
      expect(await sweep({ ...laid, rows: joined }, table)).toEqual(await sweep(laid, table));
    }),
  );
});

test('taking any row away, or doubling it, is found at exactly its offset', async () => {
  await fc.assert(
    fc.asyncProperty(world, fc.nat(), fc.boolean(), async (w, pick, doubled) => {
      const laid = lay(w);
      if (laid.rows.length === 0) return;
      const index = pick % laid.rows.length;
      const hit = laid.rows[index] as { startOffset: bigint; endOffset: bigint };
      const rows = doubled ? laid.rows.flatMap((run, i) => (i === index ? [run, run] : [run])) : laid.rows.filter((_, i) => i !== index);
      const { faults } = await sweep({ ...laid, rows }, { startOffset: w.start, position: w.position });
      expect(faults.map(({ code, range }) => ({ code, range }))).toEqual([{ code: doubled ? 'row_twice' : 'missing_row', range: hit }]);
    }),
  );
});

test('a row in a gap, for a tombstone, beside a pointer, outside the range, or of nothing landed is a difference', async () => {
  const w: World = { fates: ['row', 'gap', 'tombstone', 'quarantined', 'row', 'row'], start: 0n, position: 5n };
  const table = { startOffset: 0n, position: 5n };
  const codes = async (change: (laid: ReturnType<typeof lay>) => void, at = table) => {
    const laid = lay(w);
    change(laid);
    return (await sweep(laid, at)).faults.map((fault) => `${fault.code} ${fault.range.startOffset}-${fault.range.endOffset}`);
  };
  const insertRow = (offset: number) => (laid: ReturnType<typeof lay>) => {
    laid.rows.push(one(offset));
    laid.rows.sort((a, b) => Number(a.startOffset - b.startOffset));
  };
  expect(await codes(insertRow(1))).toEqual(['row_in_gap 1-2']);
  expect(await codes(insertRow(2))).toEqual(['row_for_tombstone 2-3']);
  expect(await codes(insertRow(3))).toEqual(['row_and_quarantined 3-4']);
  expect(await codes(insertRow(5))).toEqual(['row_outside_range 5-6']);
  expect(await codes(() => {}, { startOffset: 1n, position: 5n })).toEqual(['row_outside_range 0-1']);
  expect(await codes((laid) => laid.raw.splice(0, 1))).toEqual(['not_landed 0-1']);
  expect(await codes(() => {}, { startOffset: 0n, position: 8n })).toEqual(['missing_row 5-6', 'not_landed 6-8']);
  expect(await codes((laid) => (laid.quarantined[0] = { ...one(3), object: 'other', startLine: 2, reason: 'x' }))).toEqual([
    'quarantine_elsewhere 3-4',
  ]);
  expect(await codes((laid) => (laid.quarantined[0] = { ...one(3), object: 'o', startLine: 7, reason: 'x' }))).toEqual([
    'quarantine_elsewhere 3-4',
  ]);
  expect(await codes((laid) => laid.quarantined.splice(0, 1))).toEqual(['missing_row 3-4']);
});

test('a pointer may reach over a gap between its records', async () => {
  const raw: RawRun[] = [
    { kind: 'records', startOffset: 0n, endOffset: 2n, object: 'o', line: 0 },
    { kind: 'gap', startOffset: 2n, endOffset: 5n, cause: 'not_delivered' },
    { kind: 'records', startOffset: 5n, endOffset: 6n, object: 'o', line: 2 },
  ];
  const { found, faults } = await sweep(
    { raw, rows: [one(0)], quarantined: [{ startOffset: 1n, endOffset: 6n, object: 'o', startLine: 1, reason: 'r' }] },
    { startOffset: 0n, position: 6n },
  );
  expect(faults).toEqual([]);
  expect(found).toMatchObject({ committed: 1n, dropped: 0n });
  expect(found.quarantined.get('r')).toBe(2n);
  expect(found.gaps.get('not_delivered')).toBe(3n);
});

test('offsets beyond 2^53 are exact', async () => {
  const base = 2n ** 53n + 1n;
  const raw: RawRun[] = [{ kind: 'records', startOffset: base, endOffset: base + 3n, object: 'o', line: 0 }];
  const { faults } = await sweep(
    {
      raw,
      rows: [
        { startOffset: base, endOffset: base + 1n },
        { startOffset: base + 2n, endOffset: base + 3n },
      ],
      quarantined: [],
    },
    { startOffset: base, position: base + 3n },
  );
  expect(faults.map((fault) => fault.range)).toEqual([{ startOffset: base + 1n, endOffset: base + 2n }]);
});
