import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tryLock } from '../setup/lock.mjs';
import { cache, duckdbExtensions, pythonOf, RUN_LOCK, root, stateDir, testPythonDir } from '../setup/paths.mjs';
import { removeState } from '../setup/state.mjs';
import { startKafka } from '../stack/kafka.ts';
import { startPostgres } from '../stack/postgres.ts';
import { startS3 } from '../stack/s3.ts';
import type { Totals } from './totals-reporter.ts';
import { warmUp } from './warm-up.ts';

export interface TestRun {
  /** Names of projects in vitest.config.ts. */
  readonly projects: readonly string[];
  /** Handed to vitest as they are: file filters, `-t` … */
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Brings up one stack, runs the projects of the test suite against it in one vitest, ends the stack and prints
 * `N passed, N failed, N skipped` as the last line.
 * @returns the exit code: 1 when a test failed, nothing ran, or the run was broken off
 */
export async function runTests({ projects, args, env }: TestRun): Promise<number> {
  const runs = join(stateDir, 'test');
  mkdirSync(runs, { recursive: true });
  const dir = mkdtempSync(join(runs, 'run-'));
  chmodSync(dir, 0o755);
  // `npm run clean` must not pull the floor from under a run.
  tryLock(join(dir, RUN_LOCK), 'npm test');

  let vitest: ChildProcess | undefined;
  let broken = false;
  const breakOff = (signal: NodeJS.Signals) => {
    broken = true;
    vitest?.kill(signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, breakOff);

  const started = Date.now();
  const [kafka, postgres, s3] = await Promise.all([
    startKafka({ dir: join(dir, 'kafka'), brokers: 1 }).then(async (cluster) => {
      await warmUp(cluster.brokers);
      return cluster;
    }),
    startPostgres({ dir: join(dir, 'postgres') }),
    startS3({ dir: join(dir, 's3') }),
  ]);
  process.stderr.write(`Kafka, PostgreSQL and the S3 server are up after ${((Date.now() - started) / 1000).toFixed(1)} s\n`);

  const totalsFile = join(dir, 'totals.json');
  const python = testPythonDir();
  const code = await new Promise<number>((resolve) => {
    if (broken) return resolve(1);
    const reporters = ['--reporter=default', `--reporter=${join(root, 'dev/test/totals-reporter.ts')}`];
    vitest = spawn(
      process.execPath,
      [
        join(root, 'node_modules/vitest/vitest.mjs'),
        'run',
        '--root',
        root,
        ...reporters,
        ...projects.flatMap((name) => ['--project', name]),
        ...args,
      ],
      {
        stdio: ['ignore', 'inherit', 'inherit'],
        env: {
          ...process.env,
          // A run starts hundreds of services: without stripping and compiling each anew, each needs a third less CPU to start.
          NODE_COMPILE_CACHE: join(cache, 'compile-cache'),
          ...env,
          KAFKA_BROKERS: kafka.brokers,
          DATABASE_URL: postgres.url,
          TEST_S3_ENDPOINT: s3.url,
          TEST_S3_ACCESS_KEY: s3.accessKeyId,
          TEST_S3_SECRET_KEY: s3.secretAccessKey,
          TEST_S3_FILES: s3.files,
          MILLRACE_TEST_DIR: dir,
          MILLRACE_TEST_PYTHON: pythonOf(python),
          MILLRACE_TEST_DUCKDB_EXTENSIONS: duckdbExtensions(python),
          MILLRACE_TEST_TOTALS: totalsFile,
        },
      },
    );
    vitest.on('error', () => resolve(1));
    vitest.on('exit', (exitCode) => resolve(exitCode ?? 1));
  });
  await Promise.all([kafka.stop(), postgres.stop(), s3.stop()]);

  const totals = readTotals(totalsFile);
  const good = code === 0 && !broken && totals.failed === 0 && totals.passed > 0;
  if (good) removeState(dir);
  else process.stderr.write(`logs and data of this run stay in ${dir}\n`);
  if (totals.passed + totals.failed + totals.skipped === 0) process.stderr.write('no test ran\n');
  process.stdout.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
  return good ? 0 : 1;
}

function readTotals(file: string): Totals {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // vitest ended before it could report.
    return { passed: 0, failed: 0, skipped: 0 };
  }
}
