import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { settingShapes, unknownSettings } from '@millrace/core/domain/settings.ts';
import { expect, test } from 'vitest';
import { assigned, expand, lastOf, parseDockerfile, type Stage } from '../../dev/deploy/dockerfile.ts';
import { parseDockerignore } from '../../dev/deploy/dockerignore.ts';
import { root } from '../../dev/setup/paths.mjs';
import { NODE_VERSION } from '../../dev/setup/pins.mjs';

const read = (file: string) => readFileSync(join(root, file), 'utf8');
const dockerfile = parseDockerfile(read('Dockerfile'));
const final = dockerfile.stages.at(-1) as Stage;
const ignored = parseDockerignore(read('.dockerignore'));

/** What Node, its thread pool and the C library read. */
const RUNTIME_VARIABLES = ['NODE_ENV', 'UV_THREADPOOL_SIZE', 'MALLOC_ARENA_MAX', 'HOME'];

test('each variable that the image sets is one that the services or their runtime know', () => {
  const env = assigned(final, 'ENV');
  expect(unknownSettings(env)).toEqual([]);
  for (const name of Object.keys(env)) expect([...Object.keys(settingShapes), ...RUNTIME_VARIABLES], name).toContain(name);
  expect(env).toMatchObject({ MILLRACE_LISTEN: '0.0.0.0', MILLRACE_STATE_DIR: '/var/lib/millrace', UV_THREADPOOL_SIZE: '16' });
});

test('every stage begins with the pinned Node that the project is tested under', () => {
  expect(dockerfile.stages.map(({ name }) => name)).toEqual(['dependencies', 'addon', 'app', 'final']);
  for (const { name, base } of dockerfile.stages) expect(base, name).toBe(`node:${NODE_VERSION}-bookworm-slim`);
});

test('what is copied is there: in the build context and not ignored, or in the stage it is taken from', () => {
  for (const [index, stage] of dockerfile.stages.entries())
    for (const step of stage.steps.filter(({ op }) => op === 'COPY')) {
      const from = step.flags.find((flag) => flag.startsWith('--from='))?.slice('--from='.length);
      if (from !== undefined) expect(dockerfile.stages.slice(0, index).map(({ name }) => name)).toContain(from);
      else
        for (const source of step.text.split(/\s+/).slice(0, -1)) {
          expect(existsSync(join(root, source)), `line ${step.line}: ${source}`).toBe(true);
          expect(ignored(source), `line ${step.line}: ${source} is kept from the engine`).toBe(false);
        }
    }
});

test('every workspace has its package.json copied before npm runs', () => {
  const { workspaces } = JSON.parse(read('package.json')) as { workspaces: string[] };
  const copied = dockerfile.stages[0]?.steps.filter(({ op }) => op === 'COPY').map(({ text }) => text.split(/\s+/)[0]);
  for (const workspace of workspaces) expect(copied).toContain(`${workspace}/package.json`);
});

test('it runs without root, ends by SIGTERM, tells its health, and says what it is', () => {
  expect(lastOf(final, 'USER')).toBe('10001:10001');
  expect(lastOf(final, 'STOPSIGNAL')).toBe('SIGTERM');
  expect(lastOf(final, 'HEALTHCHECK')).toContain('"/app/deploy/entrypoint.mjs", "live"');
  expect(JSON.parse(lastOf(final, 'ENTRYPOINT') ?? '')).toEqual(['node', '/app/deploy/entrypoint.mjs']);
  const { version, license } = JSON.parse(read('package.json')) as { version: string; license: string };
  const labels = assigned(final, 'LABEL');
  const label = (name: string) => expand(labels[`org.opencontainers.image.${name}`] ?? '', assigned(final, 'ARG'));
  expect(label('version')).toBe(version);
  expect(label('licenses')).toBe(license);
  expect(label('base.name')).toBe(`docker.io/library/${final.base}`);
  for (const name of ['title', 'description', 'source']) expect(label(name)).toMatch(/\S/);
});

test('tests, tools and state stay out of the build context', () => {
  for (const path of [
    '.git/config',
    'node_modules/pino/package.json',
    'services/core/test/settings.test.ts',
    'test/deploy/x.ts',
    '.millrace/env',
  ])
    expect(ignored(path), path).toBe(true);
  for (const path of ['services/core/src/domain/settings.ts', 'services/metastore/migrations/000001_datasets.sql', 'dev/setup/addon.mjs'])
    expect(ignored(path), path).toBe(false);
});

test('the reader of Dockerfiles joins lines, keeps flags apart and refuses what is none', () => {
  const { args, stages } = parseDockerfile(
    'ARG A=b\n# c\nFROM $A:1 AS x\nRUN --mount=type=cache,target=/c one && \\\n  # no\n  two\nENV K=v L="w x"\nFROM x\nUSER 1\n',
  );
  expect(args).toEqual({ A: 'b' });
  expect(stages.map(({ name, base }) => [name, base])).toEqual([
    ['x', 'b:1'],
    ['final', 'x'],
  ]);
  expect(stages[0]?.steps[0]).toMatchObject({ op: 'RUN', flags: ['--mount=type=cache,target=/c'], line: 4 });
  expect(stages[0]?.steps[0]?.text).toMatch(/^one && .*two$/s);
  expect(assigned(stages[0] as Stage, 'ENV')).toEqual({ K: 'v', L: 'w x' });
  expect(() => parseDockerfile('FROM a\nRUNN x\n')).toThrow('line 2');
});
