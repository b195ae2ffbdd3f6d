import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { choosePort, freePort } from '../ports.ts';

const count = 300;

test('a port is given once in a test run, whichever process asks, and whatever is usual', async () => {
  const ports: number[] = [];
  for (let n = 0; n < count; n++) ports.push(await freePort());
  ports.push(await choosePort(19_092), await choosePort(19_092));
  const other = `import { freePort } from '${fileURLToPath(new URL('../ports.ts', import.meta.url))}';
    for (let n = 0; n < ${count}; n++) console.log(await freePort());`;
  const text = execFileSync(process.execPath, ['--input-type=module', '--eval', other], { encoding: 'utf8' });
  const all = [...ports, ...text.trim().split('\n').map(Number)];
  expect(all).toHaveLength(2 * count + 2);
  expect(new Set(all).size).toBe(all.length);
});
