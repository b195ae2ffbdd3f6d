import { mkdtemp, open, rm, rmdir, stat, statfs } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describeError } from '@millrace/core/domain/errors.ts';
import type { FolderFacts } from '../judge/machine.ts';

/** What doctor knows of the process it runs in; tests give their own. */
export type Machine = {
  nodeVersion: string;
  /** bytes of the container's limit (cgroup), null when there is none */
  memoryLimitBytes: number | null;
  totalBytes: number;
  processors: number;
};

/** Of a whole machine: what libuv tells as the limit when there is none is far above it. */
export function thisMachine(): Machine {
  const limit = process.constrainedMemory();
  const total = totalmem();
  return {
    nodeVersion: process.version,
    memoryLimitBytes: limit > 0 && limit < total ? limit : null,
    totalBytes: total,
    processors: availableParallelism(),
  };
}

const require = createRequire(import.meta.url);
/** Version of this command; all workspaces carry one. */
export const { version: ownVersion } = require('../../../package.json') as { version: string };
/** The Node that package.json asks for. */
export const neededNode = (): string => (require('../../../../../package.json') as { engines: { node: string } }).engines.node;

/** Bytes of the test file: more than a file system keeps beside a name. */
const testFileBytes = 65_536;

/** Writes, syncs and removes a small file, or makes and removes a folder where this one would be made. Leaves nothing. Never rejects. */
export async function lookAtFolder(path: string): Promise<FolderFacts> {
  const folder = resolve(path);
  const exists = await stat(folder).then(
    (info) => info.isDirectory(),
    () => false,
  );
  let there = folder;
  try {
    while (!(await isThere(there)) && dirname(there) !== there) there = dirname(there);
    if (exists) await writeTest(folder);
    else {
      if (!(await stat(there)).isDirectory()) throw Object.assign(new Error(`${there} is a file`), { code: 'ENOTDIR' });
      await rmdir(await mkdtemp(join(there, '.millrace-doctor-')));
    }
    return { path: folder, exists, freeBytes: await freeBytes(there), writeError: null };
  } catch (error) {
    const code = String((error as NodeJS.ErrnoException).code ?? '');
    return { path: folder, exists, freeBytes: await freeBytes(there).catch(() => null), writeError: { code, words: describeError(error) } };
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

async function writeTest(folder: string): Promise<void> {
  const path = join(folder, `.millrace-doctor-${process.pid}-${Date.now()}`);
  try {
    const file = await open(path, 'wx');
    try {
      await file.writeFile(Buffer.alloc(testFileBytes, 0x6d));
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    await rm(path, { force: true });
  }
}
