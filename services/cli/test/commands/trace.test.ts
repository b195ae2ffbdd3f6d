import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { type Lake, soundLake, topic, topicId, writeLake } from '../../../../test/integration/verify-lake.ts';
import { millrace } from '../terminal.ts';

/** Each command reads a lake through DuckDB and waits for a metastore that is not there: slow where many tests share few cores. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** Nobody listens there: the files alone must tell. */
const nobody = 'http://127.0.0.1:9';

async function lakeEnv(lake: Lake): Promise<Record<string, string>> {
  const { rawUrl, tablesUrl, remove } = await writeLake(lake);
  onTestFinished(remove);
  return { MILLRACE_RAW_URL: rawUrl, MILLRACE_TABLES_URL: tablesUrl, MILLRACE_METASTORE_URL: nobody };
}

const traced = async (env: Record<string, string>, at: string, ...more: string[]) => {
  const said = await millrace(env, ['trace', 'd', '--offset', at, '-o', 'json', ...more]);
  return { ...said, data: said.out === '' ? undefined : (JSON.parse(said.out) as Record<string, never>) };
};

test('each offset is where it is: row, tombstone, gap, quarantine, pending, not landed', async () => {
  const env = await lakeEnv(soundLake('rtgqrrrr', 0n, 6n));

  const row = await traced(env, '0:4');
  expect(row).toMatchObject({ code: 0, err: '' });
  expect(row.data).toMatchObject({
    outcome: 'row',
    topic,
    topicId,
    partition: 0,
    offset: '4',
    raw: { object: `${topic}/2026/01/01/00/00/00000-4.jsonl.zst`, line: 0 },
    chain: { seq: '2', kind: 'data', attemptId: 'a2', startOffset: '4', endOffset: '8', epoch: '1' },
    table: { version: '0', position: '6', commit: { version: '0' }, rows: [{ file: 'part-1.parquet', row: '0' }] },
  });
  expect((await traced(env, '0:1')).data).toMatchObject({ outcome: 'dropped', droppedBy: 'tombstone', raw: { line: 1 } });
  expect((await traced(env, '0:2')).data).toMatchObject({
    outcome: 'gap',
    gap: { cause: 'not_delivered', startOffset: '2', endOffset: '3' },
  });
  expect((await traced(env, '0:3')).data).toMatchObject({
    outcome: 'quarantined',
    quarantine: { stage: 'decode', reason: 'not_json', startLine: 2, rawObject: `${topic}/2026/01/01/00/00/00000-0.jsonl.zst` },
    table: { commit: { version: '0' } },
  });
  expect((await traced(env, '0:6')).data).toMatchObject({
    outcome: 'pending',
    why: expect.stringContaining('stands at offset 6: it is next'),
  });
  expect((await traced(env, '0:8')).data).toMatchObject({
    outcome: 'not_landed',
    why: expect.stringContaining('landing stands at offset 8'),
  });
  const nowhere = await traced(env, '7:0');
  expect(nowhere.code).toBe(1);
  expect(nowhere.data).toMatchObject({
    outcome: 'no_such_record',
    why: expect.stringContaining('the topic has no partition 7, as far as is known: there is only partition 0'),
  });
});

test('offsets before the table began are told apart from those that are missing', async () => {
  const env = await lakeEnv(soundLake('rrrr', 2n));
  expect((await traced(env, '0:1')).data).toMatchObject({ outcome: 'before_start' });

  const lake = soundLake('rrrr');
  lake.files = lake.files.map((offsets) => offsets.filter((offset) => offset !== 2n));
  const lost = await traced(await lakeEnv(lake), '0:2');
  expect(lost.code).toBe(1);
  expect(lost.data).toMatchObject({ outcome: 'missing' });

  const doubled = soundLake('rrrr');
  doubled.files = doubled.files.map((offsets) => [...new Set([...offsets, 2n])]);
  const twice = await traced(await lakeEnv(doubled), '0:2');
  expect(twice.code).toBe(1);
  expect(twice.data).toMatchObject({ outcome: 'twice' });
});

test.each([
  ['gone', 'not there', (lake: Lake, key: string) => lake.raw.delete(key)],
  [
    'damaged',
    'the chain says',
    (lake: Lake, key: string, bytes: Uint8Array) => lake.raw.set(key, Buffer.concat([bytes, Buffer.from('x')])),
  ],
])('a raw object that is %s is said, and what the table has is named all the same', async (_, words, spoil) => {
  const lake = soundLake('rtqrrr', 0n, 5n);
  for (const [key, bytes] of [...lake.raw]) spoil(lake, key, bytes);
  const env = await lakeEnv(lake);
  const row = await traced(env, '0:0');
  expect(row).toMatchObject({ code: 0, err: '' });
  expect(row.data).toMatchObject({
    outcome: 'row',
    record: null,
    raw: { object: expect.stringContaining('00000-0'), line: null, problem: expect.stringContaining(words) },
    chain: { seq: '1' },
    table: { commit: { version: '0' }, rows: [{ row: '0' }] },
  });
  expect((await traced(env, '0:2')).data).toMatchObject({ outcome: 'quarantined', quarantine: { reason: 'not_json' } });
  for (const [at, why] of [
    ['0:1', 'whether it was a tombstone'],
    ['0:5', 'not in the table yet'],
  ] as const) {
    const lost = await traced(env, at);
    expect(lost.code).toBe(1);
    expect(lost.data).toMatchObject({ outcome: 'missing', why: expect.stringContaining(why) });
  }
  expect((await millrace(env, ['trace', 'd', '--offset', '0:0'])).out).toMatch(/^ {2}raw +(not there|damaged): .*00000-0/m);
  const found = await millrace(env, ['trace', 'd', '--where', 'id = 0']);
  expect(found).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/not there|damaged/) });
});

test('data of a record are shown only when asked for', async () => {
  const env = await lakeEnv(soundLake('rrrr'));
  const quiet = await millrace(env, ['trace', 'd', '--offset', '0:1']);
  expect(quiet.out).toContain('mill/0 offset 1: row, in the table');
  expect(quiet.out).toContain('key of 1 byte,');
  expect(quiet.out).not.toContain('"id":1');
  const loud = await millrace(env, ['trace', 'd', '--offset', '0:1', '--show-record']);
  expect(loud.out).toMatch(/value +\{"id":1\}/);
  expect((await traced(env, '0:1', '--show-record')).data).toMatchObject({ record: { key: 'k', value: '{"id":1}' } });
  expect((await traced(env, '0:1')).data?.record).not.toHaveProperty('value');
});

test('from rows back to raw line and Kafka coordinates', async () => {
  const env = await lakeEnv(soundLake('rtgqrrrr'));
  const said = await millrace(env, ['trace', 'd', '--where', 'id >= 4 -- the later half', '-o', 'json', '--limit', '3']);
  expect(said).toMatchObject({ code: 0, err: '' });
  expect(JSON.parse(said.out)).toMatchObject({
    tableVersion: '0',
    more: true,
    rows: [
      {
        topic,
        partition: 0,
        offset: '5',
        timestamp: 1,
        key: 'k',
        object: `${topic}/2026/01/01/00/00/00000-4.jsonl.zst`,
        line: 1,
        file: 'part-0.parquet',
      },
      { offset: '7', line: 3 },
      { offset: '4', line: 0, file: 'part-1.parquet' },
    ].sort((a, b) => Number(a.offset) - Number(b.offset)),
  });
  expect((await millrace(env, ['trace', 'd', '--where', 'id = 5'])).out).toMatch(/mill +0 +5 +1970-01-01T00:00:00\.001Z +k /);
  expect(await millrace(env, ['trace', 'd', '--where', 'id = 77'])).toMatchObject({ code: 1, out: 'no row of version 0\n' });
});

let small: Record<string, string>;
let removeSmall: () => Promise<void>;
beforeAll(async () => {
  const { rawUrl, tablesUrl, remove } = await writeLake(soundLake('rr'));
  small = { MILLRACE_RAW_URL: rawUrl, MILLRACE_TABLES_URL: tablesUrl, MILLRACE_METASTORE_URL: nobody };
  removeSmall = remove;
});
afterAll(() => removeSmall());

test.each([
  ['nonsense = 1', 'nonsense'],
  ['id = ', 'syntax error'],
  ['id = 1); DROP TABLE whole; --', 'is not a condition'],
  ['1=1) UNION ALL SELECT (2', 'more than one expression'],
  ['true) LIMIT (5', 'more than one expression'],
  ['', 'it is empty'],
  ["EXISTS (SELECT 1 FROM read_text('/etc/passwd'))", 'Permission Error'],
  ["(SELECT count(*) FROM glob('/etc/*')) > 0", 'Permission Error'],
  ["id = 'x'", "id = 'x'"],
])('a predicate that is none, or reaches for more, is refused: %s', async (predicate, words) => {
  const said = await millrace(small, ['trace', 'd', '--where', predicate]);
  expect(said).toMatchObject({ code: 2, out: '' });
  expect(said.err).toContain(words);
});

test('a search that takes too long is interrupted, and says how to ask for longer', async () => {
  const endless = '(SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = id) > 0';
  const said = await millrace(small, ['trace', 'd', '--where', endless, '--timeout-seconds', '1']);
  expect(said).toMatchObject({
    code: 2,
    out: '',
    err: 'the search was stopped after 1 s: ask for less, or for longer with --timeout-seconds',
  });
});

test('wrong usage ends with 2 and says how it is written', async () => {
  for (const args of [
    ['trace', 'd', '--offset', '12'],
    ['trace', 'd', '--offset', '0:1', '--where', 'true'],
    ['trace', 'd'],
    ['trace', 'BAD', '--offset', '0:0'],
  ])
    expect(await millrace({ MILLRACE_RAW_URL: 'file:///nowhere/raw', MILLRACE_TABLES_URL: 'file:///nowhere/tables' }, args)).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringMatching(/./),
    });
});
