import { createServer } from 'node:net';

/**
 * Below the range from which the kernel takes ports for outgoing connections: a part that is down for a moment finds
 * its port free when it comes back.
 */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;
const TRIES_MAX = 200;

/** Tests run side by side: two that look at a usual port at the same moment would both find it free. */
const inTests = process.env.MILLRACE_TEST_DIR !== undefined;

/** The usual port if nobody listens there, else a free one; loopback only. In tests always any free one. */
export async function choosePort(usual: number): Promise<number> {
  if (!inTests && (await isFree(usual))) return usual;
  for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port found between ${FIRST_PORT} and ${LAST_PORT} in ${TRIES_MAX} tries`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
