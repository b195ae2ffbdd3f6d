import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cleanEnv } from '../../../dev/setup/exec.mjs';
import { stopDetached } from '../../../dev/stack/detached.ts';
import { freshDirectory } from '../../support/stack.ts';
import { blocksOf, isCommands, missingLine, stepsOf } from '../pages.ts';
import { PageShell } from '../shell.ts';
import { RUN_PAGES, read, root } from '../site.ts';

/** Every command of the pages, in a clean clone, one shell a page, as a newcomer would paste them. */

/** A block that is not done by then does not end: the set-up of a fresh machine is the longest. */
const STEP_WITHIN_MS = 8 * 60_000;
const PAGE_WITHIN_MS = 15 * 60_000;
/** The pages say them as they are; another program there would be asked instead. */
const PORTS = [8080, 9100, 9101, 9102, 9090];
const PORTS_FREE_WITHIN_MS = 120_000;

/** Where the pages have their stacks. */
const STACKS = ['.millrace/stack', '.millrace/operations'];

const place = freshDirectory('docs');
const clone = join(place, 'millrace');

beforeAll(async () => {
  execFileSync('git', ['clone', '--quiet', '--no-hardlinks', root, clone], { stdio: ['ignore', 'inherit', 'inherit'] });
  const deadline = Date.now() + PORTS_FREE_WITHIN_MS;
  for (let taken = await takenPorts(); taken.length > 0; taken = await takenPorts()) {
    if (Date.now() > deadline) throw new Error(`ports ${taken.join(', ')} are taken; the pages need them: end what listens there`);
    await sleep(1_000);
  }
});

afterAll(() => rmSync(join(clone, 'node_modules'), { recursive: true, force: true }));

describe.each(RUN_PAGES)('%s', (page) => {
  const blocks = blocksOf(read(page));
  let shell: PageShell;
  beforeAll(() => {
    shell = new PageShell({ cwd: clone, dir: join(place, page.replaceAll(/\W/g, '-')), env: newcomersEnv() });
  });

  afterAll(async () => {
    await shell.end();
    for (const stack of STACKS) if (existsSync(join(clone, stack))) await stopDetached(join(clone, stack));
  }, PAGE_WITHIN_MS);

  test('runs from top to bottom', { timeout: PAGE_WITHIN_MS }, async () => {
    for (const { line, reason } of blocks.filter(isCommands))
      if (reason !== undefined) process.stdout.write(`${page}:${line} is not run: ${reason}\n`);
    for (const { line, script, expected } of stepsOf(blocks)) {
      const started = Date.now();
      const { code, output } = await shell.run(script, STEP_WITHIN_MS);
      process.stdout.write(`${page}:${line} ${code === 0 ? 'ok' : code}, ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
      expect(code, `${page}:${line}\n${script}\n${output}`).toBe(0);
      const missing = missingLine(expected, output);
      expect(missing, `${page}:${line} does not print this line; it prints\n${output}`).toBeUndefined();
    }
  });
});

/** What a terminal has: nothing of the test run, of npm's, or of any Kafka and store that this process knows. */
function newcomersEnv(): NodeJS.ProcessEnv {
  const ours = /^(MILLRACE_(?!CACHE$)|TEST_|VITEST|KAFKA_|AWS_|DATABASE_URL$|NODE_ENV$|NODE_OPTIONS$|UV_THREADPOOL_SIZE$|PORT$|LOG_LEVEL$)/;
  const env: NodeJS.ProcessEnv = cleanEnv();
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ours.test(name)));
}

async function takenPorts(): Promise<number[]> {
  const free = (port: number) =>
    new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
  const states = await Promise.all(PORTS.map(async (port) => ({ port, free: await free(port) })));
  return states.filter((one) => !one.free).map(({ port }) => port);
}
