import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { constants, createZstdCompress } from 'node:zlib';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { sha256Hex } from '@millrace/core/delta/sha256.ts';
import { chainEntry, encodeStored, parseStored } from '@millrace/core/domain/chain.ts';
import { chainEntryKey } from '@millrace/core/domain/keys.ts';
import { afterEach, expect, test } from 'vitest';
import { HandChain } from '../../services/phase2-transformer/test/loop/hand-chain.ts';
import { createDataset, datasetStatus, type Services, startServices, waitFor } from '../support/services.ts';
import { freshDirectory, uniqueName } from '../support/stack.ts';

/** Behaviours 6 and 9 of "under fire" in phase 2: raw objects that would take a worker with them, among datasets that have none. */

const WITHIN_MS = 100_000;
const DATASETS = 10;
const RECORDS = 20;
const BOMB_BYTES = 2 ** 30;
const PIECE_BYTES = 2 ** 24;
/** What phase 2 may hold at most while it refuses the bomb: a fraction of it. */
const RESIDENT_BYTES_MAX = 700 * 2 ** 20;

let services: Services | undefined;
afterEach(async () => {
  await services?.stop();
  services = undefined;
});

/** A gibibyte of line feeds in one zstd frame of some kilobytes. */
async function bomb(): Promise<Uint8Array> {
  const stream = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  const read = Array.fromAsync(stream as AsyncIterable<Uint8Array>);
  const piece = Buffer.alloc(PIECE_BYTES, '\n');
  for (let bytes = 0; bytes < BOMB_BYTES; bytes += PIECE_BYTES)
    if (!stream.write(piece)) await new Promise((resolve) => stream.once('drain', resolve));
  stream.end();
  return Buffer.concat(await read);
}

/** Largest resident set so far, bytes. */
function highWaterBytes(pid: number): number {
  return 1024 * Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

test('of ten datasets one has an object that inflates beyond its entry, one a record no thread can hold: both say so with the object, the other eight are committed', {
  timeout: 2 * WITHIN_MS,
}, async () => {
  const lake = freshDirectory('lake');
  const [rawUrl, tablesUrl] = ['raw', 'tables'].map((name) => pathToFileURL(join(lake, name)).href) as [string, string];
  const raw = openObjectStore(rawUrl, { forcePathStyle: true });
  const names = Array.from({ length: DATASETS }, (_, index) => uniqueName(`d${index}`));
  const [bombed, heavy, ...healthy] = names as [string, string, ...string[]];
  const keys = new Map<string, string>();
  for (const name of names) {
    const chain = new HandChain(raw, name, `id-${name}`, 0);
    await chain.claim();
    const records = Array.from({ length: RECORDS }, (_, n) => `{"n":${n}}`);
    // millions of objects in nine megabytes of text
    keys.set(name, await chain.data(name === heavy ? [`{"n":0,"x":[${'{},'.repeat(3_000_000)}{}]}`, ...records] : records));
  }
  // the entry of an object that is as its SHA-256 says, and a million times larger than it says
  const body = await bomb();
  const key = keys.get(bombed) as string;
  await raw.put(key, body);
  const entryKey = chainEntryKey(bombed, { topicId: `id-${bombed}`, partition: 0 }, 1n);
  const entry = parseStored(chainEntry, (await raw.get(entryKey)) as Uint8Array, entryKey);
  if (entry.kind !== 'data') throw new Error(`${entryKey} is a ${entry.kind}`);
  const objects = entry.objects.map((object) => ({ ...object, bytes: body.length, sha256: sha256Hex(body) }));
  await raw.put(entryKey, encodeStored(chainEntry, { ...entry, objects }));
  await raw.close();

  services = await startServices({
    rawUrl,
    tablesUrl,
    phase1: 0,
    env: { MILLRACE_WORKER_THREADS: '1', MILLRACE_WORKER_HEAP_BYTES: String(96 * 2 ** 20) },
  });
  const { metastoreUrl, phase2 } = services;
  for (const name of names) await createDataset(metastoreUrl, { name, kafkaTopic: name });
  const status = (name: string) => datasetStatus(metastoreUrl, name);
  await waitFor(
    'the healthy ones are committed',
    () => Promise.all(healthy.map(status)),
    (all) => all.every(({ partitions }) => partitions[0]?.committed === String(RECORDS)),
    WITHIN_MS,
  );
  const blocked = await waitFor(
    'the heavy one waits for a person',
    () => status(heavy),
    ({ state }) => state === 'BLOCKED',
    WITHIN_MS,
  );
  expect(blocked.reason).toContain(`raw object ${keys.get(heavy)} (offsets [0, 21) of id-${heavy}/0`);
  const refused = await waitFor(
    'the bomb is refused',
    () => status(bombed),
    ({ reason }) => reason?.includes(key) === true,
    WITHIN_MS,
  );
  expect(refused.reason).toContain('cannot be decompressed to');
  expect(refused.partitions[0]?.committed).toBe('0');
  expect(highWaterBytes(phase2[0]?.pid as number)).toBeLessThan(RESIDENT_BYTES_MAX);
  console.log(`phase 2 held at most ${Math.round(highWaterBytes(phase2[0]?.pid as number) / 2 ** 20)} MiB`);
});
