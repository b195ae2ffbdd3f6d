import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { millrace } from '../terminal.ts';

const script = async (shell: string) => (await millrace({}, ['completion', shell])).out;
const has = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0;

/** A file that holds the text while the test runs. */
async function inFile(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-completion-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'script'), text);
  return join(folder, 'script');
}

/** What bash offers when TAB is pressed at the end of a line. */
async function offered(line: string): Promise<string[]> {
  const words = line.split(' ');
  const asked = `${await script('bash')}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _millrace; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await promisify(execFile)('bash', ['-c', asked]);
  return stdout.split('\n').filter((word) => word !== '');
}

describe('bash', () => {
  test.each([
    ['millrace da', ['datasets']],
    ['millrace datasets ', ['list', 'get', 'create', 'status', 'pause', 'resume', 'delete', 'help']],
    ['millrace datasets re', ['resume']],
    ['millrace verify orders --ag', ['--against-kafka']],
    ['millrace datasets list -o ', ['table', 'json', 'yaml']],
    ['millrace trace orders --where raw --sh', ['--show-record']],
    ['millrace datasets resume orders --breaking ', ['quarantine']],
    ['millrace completion ', ['bash', 'zsh', 'fish']],
    ['millrace trace orders --offset ', []],
  ])('%s', async (line, words) => {
    expect(await offered(line)).toEqual(words);
  });
});

test.each(['bash', 'zsh', 'fish'])('the script for %s names every command, and the shell takes it', async (shell) => {
  const text = await script(shell);
  for (const name of ['verify', 'trace', 'raw ls', 'raw cat', 'lag', 'datasets create', 'gaps accept', 'audit'])
    expect(text).toContain(name);
  if (has(shell)) execFileSync(shell, ['-n', await inFile(text)]);
});

/** What fish itself offers, where it is installed. */
async function offeredByFish(line: string): Promise<string[]> {
  const file = await inFile(await script('fish'));
  return execFileSync('fish', ['--no-config', '-c', `source ${file}; complete -C '${line}'`], { encoding: 'utf8' })
    .split('\n')
    .flatMap((found) => (found === '' ? [] : [found.split('\t')[0] as string]));
}

test('fish is told each command under its group, each option under its command, and offers them where it is installed', async () => {
  const text = await script('fish');
  expect(text).toMatch(/datasets.*resume/);
  expect(text).toContain('against-kafka');
  if (!has('fish')) return;
  expect(await offeredByFish('millrace datasets re')).toEqual(['resume']);
  expect(await offeredByFish('millrace datasets list -o ')).toEqual(['json', 'table', 'yaml']);
  expect(await offeredByFish('millrace ')).toContain('verify');
});

test('a shell that is not known is refused', async () => {
  expect(await millrace({}, ['completion', 'tcsh'])).toMatchObject({ code: 2, out: '', err: expect.stringContaining('bash, zsh, fish') });
});
