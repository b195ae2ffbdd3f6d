import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { produce, withProducer } from '../integration/phase1-harness.ts';
import { createDataset, type DatasetStatus, datasetStatus, type Services, startServices, waitFor } from '../support/services.ts';
import { freshDirectory, freshTopic } from '../support/stack.ts';
import type { FaultRule } from './proxy/rules.ts';
import { type StoreWorld, startStoreWorld, untilLanded, verified, withinMs } from './store-world.ts';

/*
 * The store cannot be used for a while, or an object of it (behaviour 8): the services stay, say why in the status, and go on by themselves within
 * 30 s of healing.
 */

const recoveryMs = 30_000;

const untilAsked = (services: Services, dataset: string, what: string, is: (status: DatasetStatus) => boolean, ms = withinMs) =>
  waitFor(what, () => datasetStatus(services.metastoreUrl, dataset), is, ms);
const committed = (status: DatasetStatus) => status.partitions.reduce((sum, { committed: at }) => sum + BigInt(at), 0n);
const pids = ({ phase1, phase2 }: Services) => [...phase1, ...phase2].map(({ pid }) => pid);

/** From healing until all is committed; the services are the same processes as before. */
async function recovers(services: Services, dataset: string, records: number, heal: () => void): Promise<void> {
  const before = pids(services);
  heal();
  const from = performance.now();
  await untilAsked(services, dataset, 'all is committed again', (status) => committed(status) === BigInt(records), recoveryMs);
  process.stdout.write(`recovered ${((performance.now() - from) / 1000).toFixed(1)} s after healing\n`);
  expect(pids(services)).toEqual(before);
  expect(before).not.toContain(undefined);
}

const refusals: Readonly<Record<string, { rule: FaultRule; says: string }>> = {
  'a bucket that is read-only': {
    rule: { method: 'PUT', fault: { do: 'answer', status: 403, code: 'AccessDenied' } },
    says: 's3:PutObject',
  },
  'a table store that is read-only': {
    rule: { method: 'PUT', keyPrefix: 'tables/', fault: { do: 'answer', status: 403, code: 'AccessDenied' } },
    says: 's3:PutObject',
  },
  'a session token that has expired': {
    rule: { fault: { do: 'answer', status: 403, code: 'ExpiredToken' } },
    says: 'the session token has expired',
  },
  'an access key that was withdrawn': {
    rule: { fault: { do: 'answer', status: 403, code: 'InvalidAccessKeyId' } },
    says: 'the access key is not known',
  },
};

test('a read-only bucket and credentials that expire are waited for, with the reason in the status; a missing object stops its partition only', {
  timeout: 6 * withinMs,
}, async () => {
  const world = await startStoreWorld();
  const { proxy, services } = world;
  const topic = await freshTopic({ partitions: 1 });
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
  let sent = 0;
  const send = async () => {
    await produce(topic, 1, sent, 10);
    sent += 10;
  };
  await send();
  await untilAsked(services, topic, 'committed', (status) => committed(status) === BigInt(sent));
  for (const [outage, { rule, says }] of Object.entries(refusals)) {
    const id = proxy.add(rule);
    await send();
    const told = await untilAsked(services, topic, outage, ({ reason }) => reason?.includes(says) === true);
    expect(committed(told)).toBe(BigInt(sent - 10));
    await recovers(services, topic, sent, () => proxy.remove(id));
  }
  expect(await verified(world, topic)).toEqual([BigInt(sent)]);
  await losesAnObject(world);
});

/** A raw object is missing when its batch is built: its source partition of the table stops, with the exact key; the other one goes on. */
async function losesAnObject(world: StoreWorld): Promise<void> {
  const { proxy, services, rawUrl } = world;
  const topic = await freshTopic({ partitions: 2 });
  const missing = proxy.add({
    method: 'GET',
    keyPattern: `^raw/${topic}/\\d{4}/.*/00000-`,
    fault: { do: 'answer', status: 404, code: 'NoSuchKey' },
  });
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
  await produce(topic, 2, 0, 20);
  const chains = await untilLanded(rawUrl, topic, 20);
  const [first] =
    chains.find(({ partition }) => partition === 0)?.entries.flatMap((entry) => (entry.kind === 'data' ? entry.objects : [])) ?? [];
  const positions = (status: DatasetStatus) => status.partitions.map(({ committed: at }) => at).join();
  const stopped = await untilAsked(
    services,
    topic,
    'one partition stops',
    (status) => status.state === 'FAILED' && positions(status) === '0,10',
  );
  expect(stopped.reason).toContain(first?.key);
  expect(stopped.reason).toContain('/0 stops at offset 0');
  await produce(topic, 2, 20, 20);
  await untilAsked(services, topic, 'the other goes on', (status) => positions(status) === '0,20');
  await recovers(services, topic, 40, () => proxy.remove(missing));
  await untilAsked(services, topic, 'it runs', ({ state }) => state === 'RUNNING');
  expect(await verified(world, topic)).toEqual([20n, 20n]);
}

/** A place for files that can be filled: a small file system of its own where this process may mount one, else a limit on the size of the services' files. */
function smallDisk(services: () => Services): { dir: string; fill(): void; heal(): void } {
  const dir = freshDirectory('small-disk');
  const ballast = join(dir, 'ballast');
  try {
    if (process.env.MILLRACE_TEST_NO_MOUNT === '1') throw new Error('asked not to mount');
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', dir], { stdio: 'pipe' });
    onTestFinished(() => void execFileSync('umount', ['-l', dir]));
    const fill = () => {
      try {
        for (let n = 0; ; n++) writeFileSync(`${ballast}-${n}`, Buffer.alloc(n < 1000 ? 65_536 : 512));
      } catch {
        // full
      }
    };
    const heal = () => execFileSync('sh', ['-c', `rm -f ${ballast}-*`]);
    return { dir, fill, heal };
  } catch {
    const limit = (bytes: string) => {
      for (const pid of pids(services())) execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`]);
    };
    return { dir, fill: () => limit(String(fileBytesMax)), heal: () => limit('unlimited') };
  }
}

const diskBytes = 16 * 2 ** 20;
/** Above the services' logs, below a raw object of the test. */
const fileBytesMax = 2 ** 18;
const recordBytes = 40_000;
const recordsAtOnce = 50;

test('a full disk is waited for, with the reason in the status', { timeout: 4 * withinMs }, async () => {
  let services: Services | undefined;
  const disk = smallDisk(() => services as Services);
  const root = join(disk.dir, 'lake');
  mkdirSync(root);
  const [rawUrl, tablesUrl] = [pathToFileURL(join(root, 'raw')).href, pathToFileURL(join(root, 'tables')).href];
  services = await startServices({ rawUrl, tablesUrl });
  const running = services;
  try {
    const topic = await freshTopic({ partitions: 1 });
    await createDataset(running.metastoreUrl, { name: topic, kafkaTopic: topic });
    // bytes that no compression makes small
    const send = (from: number) =>
      withProducer({}, async (producer) => {
        for (let n = from; n < from + recordsAtOnce; n++) {
          const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(recordBytes))).toString('base64');
          producer.produce(topic, 0, Buffer.from(`{"n":${n},"noise":"${noise}"}`), null, Date.now());
        }
      });
    await send(0);
    await untilAsked(running, topic, 'committed', (status) => committed(status) === BigInt(recordsAtOnce));
    disk.fill();
    await send(recordsAtOnce);
    const told = await untilAsked(running, topic, 'a full disk', ({ reason }) => /disk is full|EFBIG/.test(reason ?? ''));
    expect(committed(told)).toBe(BigInt(recordsAtOnce));
    await recovers(running, topic, 2 * recordsAtOnce, disk.heal);
    expect(await verified({ rawUrl, tablesUrl }, topic)).toEqual([BigInt(2 * recordsAtOnce)]);
  } finally {
    await running.stop();
    rmSync(root, { recursive: true, force: true });
  }
});
