import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { freshDirectory } from '../support/stack.ts';
import { dataFile, objectKey, writeLongHistory } from './long-history.ts';

const history = { entries: 100_000, commits: 5_000 };
const memoryMaxBytes = 500 * 2 ** 20;
const millrace = fileURLToPath(new URL('../../services/cli/src/main.ts', import.meta.url));

/** Runs `millrace verify d` and tells its exit code, output and largest resident set, bytes. */
async function verify(dir: string): Promise<{ code: number; output: string; residentMax: number }> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_')));
  const url = (name: string) => pathToFileURL(join(dir, name)).href;
  const child = spawn(process.execPath, [millrace, 'verify', 'd'], {
    env: { ...env, MILLRACE_RAW_URL: url('raw'), MILLRACE_TABLES_URL: url('tables'), MILLRACE_METASTORE_URL: 'http://127.0.0.1:9' },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (output += text));
  let residentMax = 0;
  const look = setInterval(() => {
    // the high-water mark of the kernel: no moment between two looks is missed
    const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1];
    residentMax = Math.max(residentMax, Number(peak ?? 0) * 1024);
  }, 100);
  const code = await new Promise<number>((resolve) => {
    child.on('exit', (exitCode) => {
      clearInterval(look);
      resolve(exitCode ?? -1);
    });
  });
  return { code, output, residentMax };
}

test('verify goes through 100,000 entries and 5,000 commits in less than 500 MB and finds the two things that are wrong', {
  timeout: 900_000,
}, async () => {
  const dir = freshDirectory('long-history');
  await writeLongHistory(dir, history);
  const missingObject = objectKey(77_777);
  rmSync(join(dir, 'raw', missingObject));
  rmSync(join(dir, 'tables', 'd', dataFile(4_321)));

  const { code, output, residentMax } = await verify(dir);
  rmSync(dir, { recursive: true });

  expect(code, output.slice(-2_000)).toBe(1);
  expect(residentMax).toBeGreaterThan(0);
  expect(residentMax).toBeLessThan(memoryMaxBytes);
  expect(output).toContain('1 chains, 100001 entries, 99999 objects with 199998 records');
  expect(output).toContain('table version 4999');
  expect(output).toContain('(199960 rows in 4999 files');
  expect(output).toContain('24 in all: 1 data_file_missing, 1 raw_object_missing, 1 not_landed, 20 missing_row, 1 ledger_differs');
  expect(output).toContain(`[155554, 155556): ${missingObject} is in the chain but is not there`);
  const missingRows = [...output.matchAll(/missing_row \S+ \[(\d+), (\d+)\)/g)].map(([, start, end]) => [Number(start), Number(end)]);
  expect(missingRows[0]?.[0]).toBe(172_840);
  expect(missingRows.at(-1)?.[1]).toBe(172_880);
});
