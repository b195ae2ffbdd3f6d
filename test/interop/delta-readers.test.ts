import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compareEngines, deltaRs, duckdb, type Engine } from './engines.ts';
import { makeTables, type Tables } from './tables.ts';

/* delta-rs and DuckDB read the tables and agree with a second implementation of the mapping: schema, count, every row, statistics, every offset once. */

describe.each([
  { store: 'files', engines: [deltaRs, duckdb], bigBytes: 50_000_000 },
  { store: 'S3', engines: [deltaRs, duckdb], bigBytes: 2_000_000 },
] as { store: 'files' | 'S3'; engines: Engine[]; bigBytes: number }[])('on $store', ({ store, engines, bigBytes }) => {
  let tables: Tables;

  beforeAll(async () => {
    tables = await makeTables(store, bigBytes);
  });
  afterAll(() => tables?.services.stop());

  test('nasty records end in the table or in quarantine, and nothing is rounded or lost in silence', async () => {
    const comparison = await compareEngines(tables.nasty, engines, tables.work);
    expect(comparison).toMatchObject({ differences: 0, problems: [] });
    expect(comparison.readers.map(({ rows }) => rows)).toEqual(engines.map(() => comparison.expected.rows));
    expect(comparison.expected.rows).toBeGreaterThan(1000);
    expect(Object.keys(comparison.quarantinedByLedger)).toEqual(
      expect.arrayContaining([
        'not_json',
        'not_object',
        'lone_surrogate',
        'integer_out_of_range',
        'fraction_out_of_range',
        'nesting_too_deep',
      ]),
    );
    expect(comparison.expected.pending).toBe(0);
  });

  test('a partitioned table of orders with ids beyond 2^53', async () => {
    const comparison = await compareEngines(tables.plain, engines, tables.work);
    expect(comparison).toMatchObject({ differences: 0, problems: [], expected: { rows: 6000, dropped: 0, pending: 0 } });
  });
});
