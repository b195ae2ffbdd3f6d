import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, expect, test } from 'vitest';
import { identity } from '../process-id.mjs';

const dir = mkdtempSync(join(tmpdir(), 'relay-test-'));
const relay = new URL('../relay.mjs', import.meta.url).href;

/** Prints its pid, then every signal it is asked to follow; leaves at the second one of a kind, or after a while. */
const script = join(dir, 'script.mjs');
writeFileSync(
  script,
  `const seen = {};
   for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => {
     seen[name] = (seen[name] ?? 0) + 1;
     console.log(name + ' ' + seen[name]);
     if (seen[name] === 2) process.exit(7);
   });
   console.log('ready ' + process.pid);
   setTimeout(() => process.exit(0), 20_000);`,
);
/** Does not listen to signals at all. */
const deaf = join(dir, 'deaf.mjs');
writeFileSync(deaf, `console.log('ready ' + process.pid); setTimeout(() => {}, 20_000);`);
const wrapper = join(dir, 'wrapper.mjs');
writeFileSync(wrapper, `import { runUnder } from ${JSON.stringify(relay)}; runUnder({ binary: process.execPath }, process.argv[2], []);`);

let started: ChildProcess | undefined;
afterEach(() => {
  try {
    // The script may outlive its wrapper, so it is the group that is ended.
    if (started?.pid !== undefined) process.kill(-started.pid, 'SIGKILL');
  } catch {
    // All of it has ended.
  }
});
afterAll(() => rmSync(dir, { recursive: true }));

/** The wrapper in a process group of its own, as npm or a shell would start it. */
async function start(file: string) {
  const child = spawn(process.execPath, [wrapper, file], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  started = child;
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const ended = new Promise<number | string>((resolve) => child.once('close', (code, signal) => resolve(signal ?? code ?? -1)));
  const until = async (text: string) => {
    while (!output.includes(text)) await sleep(10);
  };
  await until('ready ');
  const group = child.pid as number;
  return {
    ended,
    until,
    lines: () => output.split('\n').filter((line) => line.startsWith('SIG')),
    script: Number(/ready (\d+)/.exec(output)?.[1]),
    toWrapper: (signal: NodeJS.Signals) => process.kill(group, signal),
    toGroup: (signal: NodeJS.Signals) => process.kill(-group, signal),
  };
}

test('a signal to the wrapper alone reaches the script once', async () => {
  const run = await start(script);
  run.toWrapper('SIGTERM');
  await run.until('SIGTERM 1');
  await sleep(500);
  expect(run.lines()).toEqual(['SIGTERM 1']);
});

test('a signal to the whole group, and once more from npm, reaches the script once', async () => {
  const run = await start(script);
  run.toGroup('SIGINT');
  run.toWrapper('SIGINT');
  await run.until('SIGINT 1');
  await sleep(500);
  expect(run.lines()).toEqual(['SIGINT 1']);
});

test('a second request is a second request, however it comes', async () => {
  const both = await start(script);
  both.toGroup('SIGTERM');
  await sleep(400);
  both.toGroup('SIGTERM');
  expect(await both.ended).toBe(7);

  const alone = await start(script);
  alone.toWrapper('SIGTERM');
  await sleep(400);
  alone.toWrapper('SIGTERM');
  expect(await alone.ended).toBe(7);
});

test('a script that does not listen ends by the signal, and so does the wrapper', async () => {
  const run = await start(deaf);
  run.toWrapper('SIGTERM');
  expect(await run.ended).toBe('SIGTERM');
});

test('a script whose wrapper was killed is asked to end', async () => {
  const run = await start(script);
  run.toWrapper('SIGKILL');
  await run.until('SIGTERM 1');
  expect(run.lines()).toEqual(['SIGTERM 1']);
});

test('after SIGKILL of the group nothing runs', async () => {
  const run = await start(script);
  run.toGroup('SIGKILL');
  await run.ended;
  await expect.poll(() => identity(run.script)).toBeUndefined();
});
