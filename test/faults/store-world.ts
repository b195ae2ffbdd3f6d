import { tmpdir } from 'node:os';
import { verifyDataset } from '@millrace/cli/verify/verify.ts';
import { openObjectStore } from '@millrace/core/adapters/open-store.ts';
import { expect, onTestFinished } from 'vitest';
import { type LandedChain, readLanded, recordsOf } from '../integration/phase1-harness.ts';
import { type Service, type Services, type ServicesOptions, startServices, waitFor } from '../support/services.ts';
import { freshBucket } from '../support/stack.ts';
import { type HttpFaultProxy, startHttpProxy } from './proxy/http-proxy.ts';

/** Services on the S3 server, which they reach through a fault proxy only; the test itself reads without it. */
export type StoreWorld = { proxy: HttpFaultProxy; services: Services; rawUrl: string; tablesUrl: string };

/** Everything takes longer on a busy machine: how long a test waits before it gives up, ms. */
export const withinMs = 90_000;

/** Starts them for one test, and ends them after it. */
export async function startStoreWorld(options: Partial<ServicesOptions> = {}): Promise<StoreWorld> {
  const { url, env } = freshBucket();
  Object.assign(process.env, env);
  const proxy = await startHttpProxy({ target: env.AWS_ENDPOINT_URL_S3 ?? '' });
  onTestFinished(() => proxy.close());
  const lake = { rawUrl: `${url}/raw`, tablesUrl: `${url}/tables` };
  const services = await startServices({ ...lake, ...options, env: { ...env, AWS_ENDPOINT_URL_S3: proxy.url, ...options.env } });
  onTestFinished(async () => {
    proxy.clear();
    for (const worker of [...services.phase1, ...services.phase2]) worker.resume();
    await services.stop();
  });
  return { ...lake, proxy, services };
}

/** Waits until exactly so many records of a topic have landed; the chains are read by themselves, each entry and object checked. */
export function untilLanded(rawUrl: string, topic: string, records: number): Promise<LandedChain[]> {
  return waitFor(
    `${records} records of ${topic} landed`,
    () => readLanded(rawUrl, topic),
    (chains) => recordsOf(chains) >= records,
    withinMs,
  );
}

/** Every record once: raw read against chain, chain against ledger, ledger against rows. @returns committed records by partition */
export async function verified({ rawUrl, tablesUrl }: Pick<StoreWorld, 'rawUrl' | 'tablesUrl'>, dataset: string): Promise<bigint[]> {
  const [raw, tables] = [rawUrl, tablesUrl].map((url) => openObjectStore(url, { forcePathStyle: true }));
  if (raw === undefined || tables === undefined) throw new Error('no stores');
  const report = await verifyDataset({ dataset, topic: dataset, raw, tables, tempDir: tmpdir(), kafka: undefined });
  expect(report.differences.kept).toEqual([]);
  await Promise.all([raw.close(), tables.close()]);
  return report.partitions.map(({ committed }) => committed);
}

/** The worker whose process wrote a chain entry (writer is `<host>-<pid>`), or works under a name like `<host>/<pid>`. */
export function workerOf(workers: readonly Service[], writer: string): Service {
  const found = workers.find(({ pid }) => writer.endsWith(`-${pid}`) || writer.endsWith(`/${pid}`));
  if (found === undefined) throw new Error(`${writer} is none of ${workers.map(({ pid }) => pid).join(', ')}`);
  return found;
}

/** A metric's value, summed over its labels that hold `labels`; 0 when it is not there. */
export async function metric(worker: Service, name: string, labels = ''): Promise<number> {
  const text = await (await fetch(`${worker.adminUrl}/metrics`)).text();
  const lines = text.split('\n').filter((line) => new RegExp(`^${name}(\\{.*\\})? `).test(line) && line.includes(labels));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
