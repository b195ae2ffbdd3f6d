import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { bugs } from './bugs.ts';
import { planted } from './plant.ts';

const root = new URL('../../', import.meta.url);

test('there are at least 20 planted bugs, each with a name of its own', () => {
  expect(new Set(bugs.map(({ name }) => name)).size).toBe(bugs.length);
  expect(bugs.length).toBeGreaterThanOrEqual(20);
});

test.each(bugs)('what is changed for $name stands in its file exactly once', ({ patches }) => {
  for (const { file } of patches) {
    const source = readFileSync(new URL(file, root), 'utf8');
    expect(
      planted(
        source,
        patches.filter((patch) => patch.file === file),
        file,
      ),
    ).not.toBe(source);
  }
});

test('a text that is not there, or twice, is refused', () => {
  const patch = { file: 'x.ts', find: 'a', replace: 'b' };
  expect(() => planted('', [patch], 'x.ts')).toThrow('0 times');
  expect(() => planted('a a', [patch], 'x.ts')).toThrow('2 times');
  expect(planted('an $&', [{ ...patch, find: 'an', replace: '$&' }], 'x.ts')).toBe('$& $&');
});
