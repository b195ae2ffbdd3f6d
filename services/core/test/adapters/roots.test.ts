import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requireUsableRoots } from '../../src/adapters/roots.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'millrace-roots-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));
const at = (path: string) => pathToFileURL(join(dir, path)).href;
const folder = (path: string) => mkdirSync(join(dir, path), { recursive: true });
const linked = (path: string, target: string) => symlinkSync(join(dir, target), join(dir, path));

describe('R2 roots on a disk', () => {
  it('R2 two names of one folder are refused, and both are named', () => {
    folder('lake');
    linked('alias', 'lake');
    const check = () => requireUsableRoots(at('lake'), at('alias'));
    expect(check).toThrow(expect.objectContaining({ kind: 'invalid', code: 'nested_roots' }));
    expect(check).toThrow(at('alias'));
  });

  it('R2 a root inside the other through a link is refused, also where its end does not exist yet', () => {
    folder('lake/raw');
    linked('tables', 'lake/raw');
    const nested = expect.objectContaining({ kind: 'invalid', code: 'nested_roots' });
    expect(() => requireUsableRoots(at('lake/raw'), at('tables/not/yet'))).toThrow(nested);
    expect(() => requireUsableRoots(at('tables/not/yet'), at('lake/raw'))).toThrow(nested);
    expect(() => requireUsableRoots(at('lake'), at('tables'))).toThrow(nested);
  });

  it('R2 links that lead apart are accepted, as are folders that do not exist yet and stores that are none', () => {
    folder('disk1');
    folder('disk2');
    linked('raw', 'disk1');
    linked('tables', 'disk2');
    requireUsableRoots(at('raw'), at('tables'));
    requireUsableRoots(at('raw'), at('disk1x/new'));
    requireUsableRoots(at('a b/raw'), at('a b/tables'));
    requireUsableRoots('s3://bucket/raw', at('tables'));
    requireUsableRoots(at('raw'), undefined);
  });
});

describe('a root that can never be made is invalid, with what to do', () => {
  it.each([
    ['below a file', 'file/raw', 'is a file'],
    ['a file', 'file', 'is a file'],
    ['below a link to nothing', 'dangling/raw', 'is a link to nothing'],
    ['a link to itself', 'loop', 'leads back to itself'],
    ['below a link to itself', 'loop/raw', 'leads back to itself'],
    ['too long a name', 'x'.repeat(300), 'too long'],
  ])('%s', (_, path, why) => {
    writeFileSync(join(dir, 'file'), '');
    linked('dangling', 'nothing');
    linked('loop', 'loop');
    for (const check of [() => requireUsableRoots(at(path), undefined), () => requireUsableRoots(at('other'), at(path))]) {
      expect(check).toThrow(expect.objectContaining({ kind: 'invalid', code: 'impossible_root' }));
      expect(check).toThrow(why);
      expect(check).toThrow('Point it at a folder');
    }
  });

  it.runIf(process.platform === 'linux')('below /proc', () => {
    expect(() => requireUsableRoots('file:///proc/nosuch/raw', undefined)).toThrow(/MILLRACE_RAW_URL .* belongs to the kernel/);
  });
});
