import { afterAll, beforeAll, expect, test } from 'vitest';
import { compareEngines, deltaRs, type Engine } from './engines.ts';
import { makeTables, type Tables } from './tables.ts';

/* Spark 4 with Delta agrees too. It needs a Python and jars of its own: `npm run test:interop:spark`. */

function setting(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run this through "npm run test:interop:spark"`);
  return value;
}

let tables: Tables;
beforeAll(async () => {
  tables = await makeTables('files', 2_000_000);
});
afterAll(() => tables?.services.stop());

test.each(['nasty', 'plain'] as const)('Spark reads the table %s as the mapping and delta-rs do', async (name) => {
  const spark: Engine = {
    name: 'spark',
    script: 'read_spark.py',
    python: setting('MILLRACE_TEST_SPARK_PYTHON'),
    args: ['--jars', setting('MILLRACE_TEST_SPARK_JARS')],
    timeoutMs: 600_000,
  };
  expect(await compareEngines(tables[name], [spark, deltaRs], tables.work)).toMatchObject({ differences: 0, problems: [] });
});
