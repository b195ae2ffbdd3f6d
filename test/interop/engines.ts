import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pythonJson, runPython, type TableComparison } from '../support/python.ts';

/** A table as its readers find it. */
export type TableAt = { rawUrl: string; tablesUrl: string; dataset: string; topic: string; pkFields?: readonly string[] };

/** An engine: its name and the program below test/interop that reads with it. */
export type Engine = {
  name: string;
  script: string;
  args?: readonly string[];
  /** another Python than that of the tests */
  python?: string;
  timeoutMs?: number;
};

export const deltaRs: Engine = { name: 'delta-rs', script: 'read_delta_rs.py' };
export const duckdb: Engine = { name: 'duckdb', script: 'read_duckdb.py' };

/**
 * Reads the table with each engine and compares rows, columns, statistics, ledger and quarantine with the second mapping over the raw lines.
 * @param work directory for the files in between
 */
export async function compareEngines(
  table: TableAt,
  engines: readonly Engine[],
  work: string,
  more: readonly string[] = [],
): Promise<TableComparison> {
  const given: string[] = [];
  for (const engine of engines) {
    const rows = join(work, `${table.dataset}.${engine.name}.tsv`);
    const summary = join(work, `${table.dataset}.${engine.name}.json`);
    const { stdout } = await runPython(
      `interop/${engine.script}`,
      ['--url', `${table.tablesUrl}/${table.dataset}`, '--out', rows, ...(engine.args ?? [])],
      engine.python,
      engine.timeoutMs,
    );
    // engines may print notices before the one line that is the summary
    writeFileSync(summary, stdout.trimEnd().split('\n').at(-1) ?? '');
    given.push('--rows', `${engine.name}=${rows}`, '--summary', `${engine.name}=${summary}`);
  }
  return pythonJson(
    'interop/compare_table.py',
    ...['--raw-url', table.rawUrl, '--tables-url', table.tablesUrl, '--dataset', table.dataset, '--topic', table.topic],
    ...['--pk', (table.pkFields ?? []).join(',')],
    ...given,
    ...more,
  );
}
