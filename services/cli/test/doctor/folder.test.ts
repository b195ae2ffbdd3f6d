import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { lookAtFolder } from '../../src/doctor/probe/machine.ts';

it('a folder that is not there is tried where it would be made, and nothing is left', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  expect(await lookAtFolder(join(dir, 'a/b'))).toMatchObject({ exists: false, writeError: null });
  expect(readdirSync(dir)).toEqual([]);
  writeFileSync(join(dir, 'file'), '');
  expect(await lookAtFolder(join(dir, 'file/state'))).toMatchObject({ exists: false, writeError: { code: 'ENOTDIR' } });
});

it.skipIf(process.platform !== 'linux')('a place where nobody can make a folder is told, whatever its rights say', async () => {
  const facts = await lookAtFolder('/proc/millrace/state');
  expect(facts).toMatchObject({ exists: false, writeError: { code: expect.stringMatching(/^E/) } });
});
