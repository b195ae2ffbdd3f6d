import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Admin } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { serviceEnvironment } from '../../dev/demo/services.ts';
import { freshDatabase, freshDirectory, kafkaBrokers, uniqueName } from '../support/stack.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const RUN_WITHIN_MS = 240_000;
const END_WITHIN_MS = 10_000;

/** The demo as `npm start` runs it, on the parts of the test run. */
function startDemo(
  dir: string,
  databaseUrl: string,
  ...args: string[]
): { child: ChildProcess; output: () => string; ended: Promise<number | null> } {
  const env = {
    ...serviceEnvironment(process.env),
    KAFKA_BROKERS: kafkaBrokers(),
    DATABASE_URL: databaseUrl,
    MILLRACE_GROUP_PREFIX: uniqueName('demo'),
  };
  const child = spawn(process.execPath, [join(root, 'dev/demo/main.ts'), '--demo', '--dir', dir, ...args], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (data) => {
      output += data;
    });
  return { child, output: () => output, ended: new Promise((resolve) => child.once('exit', resolve)) };
}

async function verify(dir: string): Promise<{ code: number; output: string }> {
  const env = {
    ...serviceEnvironment(process.env),
    MILLRACE_RAW_URL: `file://${dir}/lake/raw`,
    MILLRACE_TABLES_URL: `file://${dir}/lake/tables`,
    MILLRACE_METASTORE_URL: 'http://127.0.0.1:9',
  };
  return promisify(execFile)(process.execPath, [join(root, 'services/cli/src/main.ts'), 'verify', 'orders'], { env }).then(
    ({ stdout }) => ({ code: 0, output: stdout }),
    (error: { code: number; stdout: string; stderr: string }) => ({ code: error.code, output: error.stdout + error.stderr }),
  );
}

test(
  'npm start: --once ends with a proof, twice; Ctrl-C drains; what is taken away is found',
  async () => {
    const dir = freshDirectory('demo');
    const databaseUrl = await freshDatabase();
    const admin = new Admin({ clientId: 'demo-test', bootstrapBrokers: kafkaBrokers().split(',') });
    try {
      for (const [run, total] of [
        [1, '3000'],
        [2, '6000'],
      ] as const) {
        const demo = startDemo(dir, databaseUrl, '--once', '--records', '3000');
        expect(await demo.ended, `run ${run}: ${demo.output()}`).toBe(0);
        expect(demo.output()).toMatch(new RegExp(`\\n${total} = \\d+ \\+ \\d+ \\+ \\d+ \\+ 0 +pending 0\\n`));
        expect(demo.output()).toContain('no difference');
        expect(demo.output()).toMatch(/phase 2: 3,000 records committed .* records\/s, .* MB\/s/);
      }

      const endless = startDemo(dir, databaseUrl, '--rate', '300');
      const deadline = Date.now() + RUN_WITHIN_MS;
      while (!/landed [1-9]/.test(endless.output()) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 200));
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      const asked = Date.now();
      endless.child.kill('SIGINT');
      expect(await endless.ended, endless.output()).toBe(0);
      expect(Date.now() - asked).toBeLessThan(END_WITHIN_MS);
      // on a machine that is too busy to commit in time it says what is left
      expect(endless.output()).toMatch(/stopped; (everything that landed is in the table|\d+ landed offsets are not in the table yet)/);
      const sound = await verify(dir);
      expect(sound.code, sound.output).toBe(0);

      const objects = readdirSync(join(dir, 'lake/raw/orders'), { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.endsWith('.zst'),
      );
      rmSync(join(dir, 'lake/raw/orders', objects[0] as string));
      const spoiled = await verify(dir);
      expect(spoiled.code).toBe(1);
      expect(spoiled.output).toContain('raw_object_missing');
    } finally {
      await admin.deleteTopics({ topics: ['orders'] });
      await admin.close();
    }
  },
  2 * RUN_WITHIN_MS,
);
