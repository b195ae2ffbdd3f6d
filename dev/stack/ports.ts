import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

/**
 * Below the range from which the kernel takes ports for outgoing connections: a part that is down for a moment finds
 * its port free when it comes back.
 */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;
const TRIES_MAX = 200;

/** Set while tests run, which they do side by side in several processes. */
const testDir = process.env.MILLRACE_TEST_DIR;

/** Ports given by this process: whoever asked may not listen yet. */
const given = new Set<number>();

/** The usual port if nobody listens there, else a free one; loopback only. In tests always any free one: two that look at a usual port at the same moment would both find it free. */
export async function choosePort(usual: number): Promise<number> {
  return testDir === undefined && (await isFree(usual)) && reserve(usual) ? usual : freePort();
}

/** Any free port, loopback only; each is given once by a process, and once in a whole test run. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if ((await isFree(port)) && reserve(port)) return port;
  }
  throw new Error(`no free port found between ${FIRST_PORT} and ${LAST_PORT} in ${TRIES_MAX} tries`);
}

/** @returns false when it is given already, by this process or another one of the test run */
function reserve(port: number): boolean {
  if (given.has(port)) return false;
  given.add(port);
  if (testDir === undefined) return true;
  const folder = join(testDir, 'ports');
  mkdirSync(folder, { recursive: true });
  try {
    writeFileSync(join(folder, String(port)), '', { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
