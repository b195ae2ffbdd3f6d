import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { verifyDataset } from '@millrace/cli/verify/verify.ts';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTable } from '../../services/phase2-transformer/test/loop/read-table.ts';
import { produce } from '../integration/phase1-harness.ts';
import { createDataset, type Services, startServices, waitFor } from '../support/services.ts';
import { freshDirectory, freshTopic } from '../support/stack.ts';
import { type HttpFaultProxy, startHttpProxy } from './proxy/http-proxy.ts';

/*
 * Data never depends on the metastore: down while workers start and for the whole run, slow, or restarting again and again, every record still lands and is
 * committed once. Workers speak to it through a proxy here.
 */

const busyMs = 60_000;
const perRun = 400;

describe('with the metastore', () => {
  let services: Services;
  let proxy: HttpFaultProxy;
  let lake: { rawUrl: string; tablesUrl: string };
  let topic: string;
  let sent = 0;

  beforeAll(async () => {
    const dir = pathToFileURL(freshDirectory('lake')).href;
    lake = { rawUrl: `${dir}/raw`, tablesUrl: `${dir}/tables` };
    topic = await freshTopic({ partitions: 2 });
    // the metastore's port is chosen inside: a place for the proxy is found first, and its target is known later
    proxy = await startHttpProxy({ target: 'http://127.0.0.1:9' });
    await proxy.close();
    const place = new URL(proxy.url);
    services = await startServices({
      ...lake,
      phase1: 0,
      phase2: 0,
      envOf: (name): Record<string, string> => (name.startsWith('phase') ? { MILLRACE_METASTORE_URL: place.origin } : {}),
    });
    proxy = await startHttpProxy({ target: services.metastoreUrl, port: Number(place.port) });
    for (const phase of ['phase1', 'phase2'] as const) workers.push(await services.add(phase));
    for (const worker of workers) await worker.start();
    await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
    await more();
  });
  afterAll(async () => {
    await services.stop();
    await proxy.close();
  });

  const workers: Awaited<ReturnType<Services['add']>>[] = [];

  /** Sends records and waits until the table holds them. @returns how long that took, ms */
  async function more(): Promise<number> {
    const began = performance.now();
    await produce(topic, 2, sent, perRun);
    sent += perRun;
    const tables = openObjectStore(lake.tablesUrl, { forcePathStyle: true });
    await waitFor(
      `${sent} records in the table`,
      async () => (await readTable(tables, topic))?.ledger.partitions.reduce((sum, { committed }) => sum + committed, 0n),
      (committed) => committed === BigInt(sent),
      busyMs,
    );
    return performance.now() - began;
  }

  /** Waits until a call met the fault: one that is under way with an earlier one is not met by the next. */
  const struck = (rule: number) =>
    waitFor(
      'a call to the metastore that met the fault',
      async () => proxy.struck(rule),
      (calls) => calls > 0,
      busyMs,
    );

  async function expectLaw(): Promise<void> {
    const [raw, tables] = [lake.rawUrl, lake.tablesUrl].map((url) => openObjectStore(url, { forcePathStyle: true }));
    if (raw === undefined || tables === undefined) throw new Error('no store');
    const report = await verifyDataset({ dataset: topic, topic, raw, tables, tempDir: tmpdir(), kafka: undefined });
    expect(report.differences.kept).toEqual([]);
    expect(report.partitions.reduce((sum, { committed }) => sum + committed, 0n)).toBe(BigInt(sent));
  }

  it('down for the whole run: workers start from the last good configuration and everything goes on', async () => {
    await services.metastore.stop();
    try {
      for (const worker of workers) await worker.kill();
      for (const worker of workers) await worker.start();
      await more();
      await more();
      await expectLaw();
    } finally {
      await services.metastore.start();
    }
  });

  it('slow, or silent: intake and tables do not wait for it', async () => {
    const plain = await more();
    const slow = proxy.add({ fault: { do: 'latency', ms: 4_000 } });
    await struck(slow);
    const beside = await more();
    proxy.clear();
    const silent = proxy.add({ fault: { do: 'hang', side: 'request' } });
    await struck(silent);
    const silence = await more();
    proxy.clear();
    // a batch waits one interval; one that waited for calls of 4 s, or for their deadline of 5 s with three attempts, would take far longer
    expect(Math.min(beside, silence)).toBeLessThan(2 * plain + 3_000);
    await expectLaw();
  });

  it('restarting again and again, its answers lost: the same', async () => {
    proxy.add({ fault: { do: 'swallow' }, probability: 0.3 });
    let stop = false;
    const restarts = (async () => {
      let count = 0;
      for (; !stop; count++) {
        await services.metastore.kill();
        await services.metastore.start();
        await sleep(500);
      }
      return count;
    })();
    for (let run = 0; run < 3; run++) await more();
    stop = true;
    expect(await restarts).toBeGreaterThan(0);
    proxy.clear();
    await expectLaw();
  });
});
