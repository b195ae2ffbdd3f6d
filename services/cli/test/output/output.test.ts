import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { plain, rendered, showPages } from '../../src/output/format.ts';
import { TextTable, textTable } from '../../src/output/text-table.ts';
import { millrace } from '../terminal.ts';

const escapeCode = '\u001b';
const value = { offset: 9007199254740993n, none: undefined, nothing: null, list: [1n, new Map([['a', 2n]])], text: 'a: b\n#c' };

test('json and yaml hold the same data, 64-bit numbers as text', () => {
  const data = { offset: '9007199254740993', nothing: null, list: ['1', { a: '2' }], text: 'a: b\n#c' };
  expect(plain(value)).toEqual(data);
  expect(JSON.parse(rendered('json', value, () => ''))).toEqual(data);
  expect(parse(rendered('yaml', value, () => ''))).toEqual(data);
  expect(rendered('table', value, () => 'for people')).toBe('for people');
});

test.each(['json', 'yaml'] as const)('a list in pages is one document of %s, an empty one too', async (format) => {
  const printed = async (pages: bigint[][]) => {
    let text = '';
    const write = async (chunk: string | Uint8Array) => {
      text += chunk;
    };
    async function* rows() {
      yield* pages.map((page) => page.map((offset) => ({ offset })));
    }
    await showPages({ env: {}, write, complain: () => {}, paint: (_, painted) => painted, end: () => {} }, format, rows(), () => '');
    return format === 'json' ? JSON.parse(text) : parse(text);
  };
  expect(await printed([[1n, 2n], [], [3n]])).toEqual([{ offset: '1' }, { offset: '2' }, { offset: '3' }]);
  expect(await printed([[], []])).toEqual([]);
});

test('numbers stand to the right, words to the left; paint does not move columns', () => {
  const rows = [
    ['a', '1', 'BLOCKED'],
    ['bcd', '234', 'x'],
  ];
  expect(textTable(['name', 'n', 'state'], rows)).toBe('name    n  state\na       1  BLOCKED\nbcd   234  x');
  const paint = { head: (cell: string) => cell, cell: (cell: string) => `<${cell}>` };
  expect(textTable(['name', 'n', 'state'], rows, paint)).toBe('name    n  state\n<a>       <1>  <BLOCKED>\n<bcd>   <234>  <x>');
  const pages = new TextTable(['a', 'b']);
  expect([pages.page([['1', '2']]), pages.page([['100', '2']]), pages.page([['1', '2']])]).toEqual(['a  b\n1  2', '100  2', '  1  2']);
});

test('wrong usage is said on standard error, help is not', async () => {
  expect(await millrace({}, ['nonsense'])).toMatchObject({ code: 2, out: '', err: expect.stringContaining("unknown command 'nonsense'") });
  expect(await millrace({}, ['gaps', 'accept', 'd'])).toMatchObject({ code: 2, out: '' });
  expect(await millrace({}, ['verify', 'd', '-o', 'xml'])).toMatchObject({
    code: 2,
    out: '',
    err: expect.stringContaining('table, json, yaml'),
  });
  expect(await millrace({}, ['--help'])).toMatchObject({ code: 0, err: '', out: expect.stringContaining('Exit codes: 0 done') });
});

test('a metastore that is away is said, and ends with 2', async () => {
  expect(await millrace({ MILLRACE_METASTORE_URL: 'http://127.0.0.1:9' }, ['datasets', 'list'])).toMatchObject({
    code: 2,
    out: '',
    err: expect.stringContaining('is away'),
  });
});

test('colour only on a terminal, never with NO_COLOR', async () => {
  const cli = new URL('../../src/output/cli.ts', import.meta.url).href;
  const script = join(await mkdtemp(join(tmpdir(), 'millrace-colour-')), 'paint.mjs');
  onTestFinished(() => rm(dirname(script), { recursive: true }));
  await writeFile(
    script,
    `import { processCli } from '${cli}';\nconst cli = processCli(process.env);\nawait cli.write(cli.paint('red', 'FAILED'));\n`,
  );
  const run = async (file: string, args: string[], more: Record<string, string> = {}) =>
    (await promisify(execFile)(file, args, { env: { PATH: process.env.PATH ?? '', TERM: 'xterm', ...more } })).stdout;
  const onTerminal = ['-qec', `${process.execPath} ${script}`, '/dev/null'];
  expect(await run(process.execPath, [script])).toBe('FAILED');
  expect(await run('script', onTerminal)).toBe(`${escapeCode}[31mFAILED${escapeCode}[39m`);
  expect(await run('script', onTerminal, { NO_COLOR: '1' })).toBe('FAILED');
}, 120_000);
