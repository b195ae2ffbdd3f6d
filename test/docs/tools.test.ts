import { Command } from 'commander';
import { expect, test } from 'vitest';
import { callsOf, wrongCall } from './command-lines.ts';
import { anchorsOf, localLinks } from './links.ts';
import { blocksOf, missingLine, stepsOf } from './pages.ts';

/** What reads the pages, on small pages: a reader that sees nothing would find nothing wrong. */

const fence = '```';

test('commands are run with what they must print, unless a comment says why not', () => {
  const page = [
    `${fence}sh`,
    'a',
    fence,
    '',
    `${fence}text output`,
    'one … three',
    '…',
    'four',
    fence,
    '<!-- not run: needs a cloud -->',
    `${fence}sh`,
    'b',
    fence,
    `${fence}console`,
    '$ c \\',
    '  d',
    'said',
    '$ e',
    fence,
  ].join('\n');
  const blocks = blocksOf(page);
  expect(blocks.map(({ line, reason }) => [line, reason])).toEqual([
    [1, undefined],
    [5, undefined],
    [11, 'needs a cloud'],
    [14, undefined],
  ]);
  expect(stepsOf(blocks)).toEqual([
    { line: 1, script: 'a\n', expected: ['one … three', 'four'] },
    { line: 15, script: 'c \\\n  d\n', expected: ['said'] },
    { line: 18, script: 'e\n', expected: [] },
  ]);
  expect(() => blocksOf(`x\n${fence}sh\na`)).toThrow('line 2');
});

test('output is compared in order, by line, with … for anything', () => {
  const output = 'noise\none  2 three\nmore\nfour (4)\n';
  expect(missingLine(['one … three', 'four (4)'], output)).toBeUndefined();
  expect(missingLine(['four (4)', 'one … three'], output)).toBe('one … three');
  expect(missingLine(['one'], output)).toBe('one');
});

test('links and anchors are those that GitHub makes', () => {
  const page = `# A *b* \`c d\`: e, f\n## Same\n## Same\n[x](other.md#y) ![i](<a b.png>) \`[no](no.md)\`\n${fence}\n# not\n${fence}\n[w](https://x.org/)`;
  expect([...anchorsOf(page)]).toEqual(['a-b-c-d-e-f', 'same', 'same-1']);
  expect(localLinks(page).map(({ line, target, anchor }) => [line, target, anchor])).toEqual([[4, 'other.md', 'y']]);
});

test('a call of a command, an option or an argument that is not there is found', () => {
  const program = new Command('millrace');
  program.command('get').argument('<name>').option('-o, --output <format>').option('--all');
  program.command('gaps').command('list').argument('<dataset>');
  const wrong = (line: string) => callsOf(`${fence}sh\n${line}\n${fence}`).map((call) => wrongCall(program, call));
  expect(wrong('until npx millrace get orders -o json | grep -q x; do sleep 1; done')).toEqual([undefined]);
  expect(wrong('millrace get')).toEqual(['get needs 1 arguments, not 0']);
  expect(wrong('millrace get a b')).toEqual(['get takes 1 arguments, not 2']);
  expect(wrong('millrace get a --al')).toEqual(['get has no option --al']);
  expect(wrong('millrace gaps lost orders')).toEqual(['gaps has no command lost']);
  expect(callsOf('see `millrace gaps list` and `npx millrace get <name> [--all]`').map((call) => wrongCall(program, call))).toEqual([
    undefined,
    undefined,
  ]);
});
