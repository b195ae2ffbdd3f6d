import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { bareS3 } from './bare-s3.ts';

/*
 * One of the racing writers, a process of its own: creates the keys it is told to, all at once, and reads back what stands where it lost.
 */

/** `bare`: without the services' own client, where the store is a server. */
export type RaceOrder = { keys: string[]; bare: boolean };
export type RaceReport = { won: string[]; lost: { key: string; body: string }[] };

const [url = '', writer = ''] = process.argv.slice(2);
const store = openObjectStore(url, { forcePathStyle: true });
const text = new TextDecoder();

/** @returns true when the key is ours, else what stands there */
async function race(key: string, bare: boolean): Promise<true | string> {
  // as long as a small chain entry
  const body = new TextEncoder().encode(`${writer} ${key}`.padEnd(600, '.'));
  if (!bare || url.startsWith('file:')) {
    if ((await store.putIfAbsent(key, body)) === 'created') return true;
    return text.decode((await store.get(key)) ?? new Uint8Array(0));
  }
  const path = `/${url.slice('s3://'.length)}/${key}`;
  for (;;) {
    const { status } = await bareS3('PUT', path, body);
    if (status === 200) return true;
    if (status === 409) continue; // undecided
    if (status !== 412) throw new Error(`PUT ${path}: ${status}`);
    return text.decode((await bareS3('GET', path)).body);
  }
}

process.on('message', async ({ keys, bare }: RaceOrder) => {
  const report: RaceReport = { won: [], lost: [] };
  await Promise.all(
    keys.map(async (key) => {
      const body = await race(key, bare);
      if (body === true) report.won.push(key);
      else report.lost.push({ key, body });
    }),
  );
  process.send?.(report);
});
process.send?.('ready');
