import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { atLeast } from '../tools.mjs';

const empty = mkdtempSync(join(tmpdir(), 'tools-test-'));
afterAll(() => rmSync(empty, { recursive: true }));

const run = fileURLToPath(new URL('../run.mjs', import.meta.url));

function setUp(purpose: string, path: string) {
  const started = performance.now();
  const env = { PATH: path, HOME: empty, MILLRACE_CACHE: join(empty, 'cache') };
  const { status, stdout, stderr } = spawnSync(process.execPath, [run, '--for', purpose, 'x.ts'], { env, encoding: 'utf8' });
  return { status, stdout, stderr, seconds: (performance.now() - started) / 1000 };
}

test('everything that is missing is named at once, with what to do, before anything is done', () => {
  const { status, stdout, stderr, seconds } = setUp('test', empty);
  expect(status).toBe(1);
  expect(stdout).toBe('');
  for (const tool of ['npm', 'java', 'mvn', 'python3', 'go 1.24', 'jq', 'zstd']) expect(stderr).toContain(`- ${tool}`);
  expect(stderr).toContain('apt-get install');
  expect(seconds).toBeLessThan(5);
});

test('a purpose asks for its own tools only', () => {
  const { stderr } = setUp('service', empty);
  expect(stderr).toContain('- npm');
  expect(stderr).not.toContain('java');
});

test('Prometheus is asked for where the alerts are tested, and only where the set-up cannot bring it', () => {
  expect(setUp('alerts', empty).stderr).toContain('- prometheus and promtool are not in PATH');
  for (const tool of ['apt-get', 'dpkg-deb']) symlinkSync('/bin/true', join(empty, tool));
  expect(setUp('alerts', empty).stderr).not.toContain('prometheus');
});

test('one missing tool is named alone', () => {
  symlinkSync(process.execPath, join(empty, 'npm'));
  symlinkSync('/bin/true', join(empty, 'mvn'));
  const { status, stderr } = setUp('demo', empty);
  expect(status).toBe(1);
  expect(stderr).toContain('a tool is missing');
  expect(stderr).toContain('- java 17 or newer');
  expect(stderr).not.toContain('mvn');
});

test('versions compare place by place', () => {
  expect(atLeast([24, 21, 0], [22, 22, 0])).toBe(true);
  expect(atLeast([22, 22, 0], [22, 22, 0])).toBe(true);
  expect(atLeast([22, 9, 0], [22, 22, 0])).toBe(false);
  expect(atLeast([20, 99, 0], [22, 22, 0])).toBe(false);
  expect(atLeast([3, 11], [3, 11])).toBe(true);
  expect(atLeast([1], [1, 24])).toBe(false);
});
