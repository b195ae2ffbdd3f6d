import { zstdDecompressSync } from 'node:zlib';
import { expect, onTestFinished, test, vi } from 'vitest';
import { type Lake, soundLake, topic, writeLake } from '../../../../test/integration/verify-lake.ts';
import { millrace } from '../terminal.ts';

/** Each command reads a lake through DuckDB and waits for a metastore that is not there: slow where many tests share few cores. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

async function lakeEnv(lake: Lake): Promise<Record<string, string>> {
  const { rawUrl, tablesUrl, remove } = await writeLake(lake);
  onTestFinished(remove);
  return { MILLRACE_RAW_URL: rawUrl, MILLRACE_TABLES_URL: tablesUrl, MILLRACE_METASTORE_URL: 'http://127.0.0.1:9' };
}

test('the entries of a chain are listed, by dataset or by topic, whole or in part', async () => {
  const env = await lakeEnv(soundLake('rtgqrrrr'));
  const all = await millrace(env, ['raw', 'ls', 'd', '-o', 'json']);
  expect(all).toMatchObject({ code: 0, err: '' });
  const entries = JSON.parse(all.out) as Record<string, unknown>[];
  expect(entries).toMatchObject([
    { seq: '0', kind: 'claim', startOffset: '0', endOffset: '0', epoch: '1', objects: [] },
    {
      seq: '1',
      kind: 'data',
      startOffset: '0',
      endOffset: '4',
      records: 3,
      gaps: [{ startOffset: '2', endOffset: '3', cause: 'not_delivered' }],
    },
    { seq: '2', kind: 'data', startOffset: '4', endOffset: '8', records: 4, attemptId: 'a2' },
  ]);
  expect(JSON.parse((await millrace(env, ['raw', 'ls', topic, '-o', 'json'])).out)).toEqual(entries);
  const part = JSON.parse((await millrace(env, ['raw', 'ls', 'd', '--from', '4', '--to', '5', '--partition', '0', '-o', 'json'])).out);
  expect(part).toEqual(entries.slice(2));
  const before = await millrace(env, ['raw', 'ls', 'd', '--to', '4', '-o', 'json']);
  expect(JSON.parse(before.out)).toEqual(entries.slice(0, 2));
  const table = (await millrace(env, ['raw', 'ls', 'd'])).out.trimEnd().split('\n');
  expect(table).toHaveLength(4);
  expect(table[0]).toMatch(/^partition +seq +kind +from +to +records +bytes +epoch +time +object$/);
});

test('a broken chain is listed as far as it goes, and said', async () => {
  const lake = soundLake('rrrr');
  lake.entries.splice(1, 1);
  const said = await millrace(await lakeEnv(lake), ['raw', 'ls', 'd', '-o', 'json']);
  expect(said.code).toBe(1);
  expect(said.err).toContain('chain_entry_missing');
  expect(JSON.parse(said.out)).toHaveLength(1);
});

test('lines come out as they are stored, in part exactly that part', async () => {
  const lake = soundLake('rtgqrrrr');
  const env = await lakeEnv(lake);
  const stored = Buffer.concat([...lake.raw.values()].map((bytes) => zstdDecompressSync(bytes)));
  const all = await millrace(env, ['raw', 'cat', 'd', '--partition', '0']);
  expect(all).toMatchObject({ code: 0, err: '' });
  expect(all.bytes.equals(stored)).toBe(true);
  const some = await millrace(env, ['raw', 'cat', 'd', '--partition', '0', '--from', '1', '--to', '6']);
  const lines = stored.toString('utf8').split('\n');
  expect(some.out).toBe(`${lines.slice(1, 5).join('\n')}\n`);
  expect((await millrace(env, ['raw', 'cat', 'd', '--partition', '0', '--from', '1', '--to', '2'])).out).toBe(`${lines[1]}\n`);
  expect((await millrace(env, ['raw', 'cat', 'd', '--partition', '0', '--from', '2', '--to', '3'])).out).toBe('');
});

test('values come out as the bytes Kafka had; a tombstone has none', async () => {
  const env = await lakeEnv(soundLake('rtgqr'));
  expect((await millrace(env, ['raw', 'cat', 'd', '--partition', '0', '--values'])).out).toBe('{"id":0}\n{\n{"id":4}\n');
});

test('nothing of a damaged object is written', async () => {
  const lake = soundLake('rrrr');
  const [key, bytes] = [...lake.raw][1] ?? [];
  lake.raw.set(key as string, Buffer.concat([bytes as Uint8Array, Buffer.from('x')]));
  const said = await millrace(await lakeEnv(lake), ['raw', 'cat', 'd', '--partition', '0']);
  expect(said.code).toBe(2);
  expect(said.out.split('\n')).toHaveLength(3);
  expect(said.err).toContain('the chain says');
});

test('a reader that has seen enough ends it quietly', async () => {
  const env = await lakeEnv(soundLake('rrrr'));
  const { MillraceError } = await import('@millrace/core/domain/errors.ts');
  const gone = async () => {
    throw new MillraceError('unavailable', 'reader_gone', 'nobody reads');
  };
  expect(await millrace(env, ['raw', 'cat', 'd', '--partition', '0'], { write: gone })).toMatchObject({ code: 0, err: '' });
});

test('what is neither a dataset nor a topic that landed is said', async () => {
  const env = await lakeEnv(soundLake('rr'));
  expect(await millrace(env, ['raw', 'ls', 'nix'])).toMatchObject({ code: 2, out: '', err: expect.stringContaining('nix is no dataset') });
});

test.each([
  ['ls', '-o', 'json'],
  ['cat', '--values'],
])('raw %s of nothing says why', async (verb, ...more) => {
  const env = await lakeEnv(soundLake('rr'));
  const raw = (...args: string[]) => millrace(env, ['raw', verb, 'd', ...args, ...more]);
  expect(await raw('--partition', '3')).toMatchObject({ code: 1, out: '', err: expect.stringContaining('no chain of partition 3') });
  expect(await raw('--partition', '0', '--topic-id', 'nix')).toMatchObject({
    code: 1,
    out: '',
    err: expect.stringContaining('topic id nix'),
  });
  for (const to of ['1', '0'])
    expect(await raw('--partition', '0', '--from', '1', '--to', to)).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('holds no offset'),
    });
  expect(await raw('--partition', '0', '--from', '2')).toMatchObject({
    code: 0,
    out: verb === 'ls' ? '[]\n' : '',
    err: expect.stringContaining('landed up to 2: nothing from 2 on'),
  });
});
