import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from '@platformatic/kafka';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startKafka } from '../../dev/stack/kafka.ts';
import { epochsOf, numbersOf, produce, readLanded, recordsOf, withAdmin } from '../integration/phase1-harness.ts';
import { createDataset, type Service, type ServicesOptions, startServices, waitFor } from '../support/services.ts';
import { freshDirectory, freshTopic, uniqueName } from '../support/stack.ts';

/*
 * The landing group under `group.protocol=consumer` (KIP-848): the brokers assign and watch over sessions, and the law holds as under the classic protocol.
 */

const PARTITIONS = 6;
const BATCH = 300;
/** The brokers decide about it under this protocol, for each group. */
const SESSION_TIMEOUT_MS = 4_000;
const busyMs = 90_000;

async function start(more: Partial<ServicesOptions>) {
  const lake = pathToFileURL(freshDirectory('lake')).href;
  const rawUrl = `${lake}/raw`;
  const services = await startServices({ rawUrl, tablesUrl: `${lake}/tables`, phase2: 0, ...more });
  onTestFinished(() => services.stop());
  return { ...services, rawUrl };
}

const consumer = { MILLRACE_GROUP_PROTOCOL: 'consumer' };

async function setSessionTimeout(group: string, ms: number): Promise<void> {
  const configs = [{ name: 'consumer.session.timeout.ms', value: String(ms), configOperation: IncrementalAlterConfigOperationTypes.SET }];
  await withAdmin((admin) =>
    admin.incrementalAlterConfigs({
      resources: [{ resourceType: ConfigResourceTypes.GROUP, resourceName: group, configs }],
      validateOnly: false,
    }),
  );
}

describe('group.protocol=consumer', () => {
  it('a running group is switched worker by worker; workers killed, stopped past their session, added and asked to end lose nothing and double nothing', async () => {
    const topic = await freshTopic({ prefix: 'kip848', partitions: PARTITIONS });
    const services = await start({
      phase1: 1,
      env: consumer,
      envOf: (name): Record<string, string> => (name === 'phase1-1' ? { MILLRACE_GROUP_PROTOCOL: 'classic' } : {}),
    });
    const { rawUrl } = services;
    const [classic] = services.phase1 as [Service];
    const group = `${services.env.MILLRACE_GROUP_PREFIX}-landing`;
    await setSessionTimeout(group, SESSION_TIMEOUT_MS);
    await createDataset(services.metastoreUrl, { name: uniqueName('kip848'), kafkaTopic: topic });
    let sent = 0;
    const landsMore = async () => {
      await produce(topic, PARTITIONS, sent, BATCH);
      sent += BATCH;
      return waitFor(
        `${sent} records landed`,
        () => readLanded(rawUrl, topic),
        (chains) => recordsOf(chains) >= sent,
        busyMs,
      );
    };
    /** Waits until just these workers land, each some partitions. */
    const landBy = (...workers: Service[]) => {
      const pids = new Set(workers.map(({ pid }) => String(pid)));
      const look = async () => (await landsMore()).map(({ entries }) => entries.at(-1)?.writer.split('-').at(-1) ?? '');
      return waitFor(
        `${workers.map(({ name }) => name)} land`,
        look,
        (found) => pids.symmetricDifference(new Set(found)).size === 0,
        busyMs,
      );
    };
    const groupType = () =>
      withAdmin(
        async (admin) =>
          [...(await admin.listGroups({ types: ['classic', 'consumer'] })).values()].find(({ id }) => id === group)?.groupType,
      );

    await landBy(classic);
    expect(await groupType()).toBe('classic');
    const [first, second] = [await services.add('phase1'), await services.add('phase1')];
    await first.start();
    await landBy(classic, first);
    await classic.stop();
    await landBy(first);
    expect(await groupType()).toBe('consumer');

    await second.start();
    await landBy(first, second);
    await first.kill();
    await landBy(second);
    await first.start();
    await landBy(first, second);
    second.pause();
    await landBy(first);
    second.resume();
    await landBy(first, second);
    await second.stop();
    await landBy(first);

    const chains = await landsMore();
    expect(chains).toHaveLength(PARTITIONS);
    expect(chains.flatMap(numbersOf).toSorted((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, n) => n));
    expect(Math.max(...chains.map((chain) => epochsOf(chain).length))).toBeGreaterThanOrEqual(4);
  });

  it('a cluster that does not have it is refused, with the setting that says so', async () => {
    const kafka = await startKafka({
      dir: join(freshDirectory('kafka'), 'classic-only'),
      brokers: 1,
      properties: { 'group.coordinator.rebalance.protocols': 'classic' },
    });
    onTestFinished(() => kafka.kill());
    const topic = uniqueName('kip848');
    await withAdmin((admin) => admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 }), kafka.brokers);
    const services = await start({ phase1: 1, brokers: kafka.brokers, env: consumer });
    const [worker] = services.phase1 as [Service];
    await createDataset(services.metastoreUrl, { name: uniqueName('kip848'), kafkaTopic: topic });
    await waitFor(
      'the worker ends',
      async () => worker.pid,
      (pid) => pid === undefined,
      busyMs,
    );
    expect(readFileSync(worker.logFile, 'utf8')).toMatch(/"level":"fatal".*MILLRACE_GROUP_PROTOCOL=classic/);
  });
});
