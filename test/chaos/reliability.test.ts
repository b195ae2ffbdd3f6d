import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { failures } from './failures.ts';
import { page, pageFile, readRecords } from './reliability.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

test('docs/reliability.md says what docs/reliability.json holds (write it with `node test/chaos/reliability.ts`)', () => {
  expect(readFileSync(pageFile, 'utf8')).toBe(page(readRecords()));
});

test.each(failures)('the tests named for "$failure" are there', ({ tests }) => {
  expect(tests.length).toBeGreaterThan(0);
  expect(tests.filter((file) => !existsSync(`${root}${file}`))).toEqual([]);
});
