import type { Part } from '../../../dev/stack/part.ts';
import { describeTopic, moveLeaders } from '../kafka-admin.ts';
import { type Kind, picked, type Step } from '../schedule.ts';
import { type Episode, hold, type World } from '../world.ts';

/*
 * One broker at a time: with three replicas and two of them in sync enough, what Kafka acknowledged stays. The next is hurt only when all replicas
 * are in sync again, since losing acknowledged records would be Kafka's doing.
 */

const IN_SYNC_WITHIN_MS = 60_000;
const LOOK_INTERVAL_MS = 1_000;

const onBroker =
  (kind: Kind, hurt: (world: World, broker: Part, step: Step) => Promise<void>): Episode =>
  async (world, step) => {
    const broker = picked(world.cluster.kafka.nodes, step.pick);
    if (broker === undefined) return;
    const fault = world.faults.begin('kafka', kind, broker.name);
    try {
      await hurt(world, broker, step);
    } finally {
      broker.resume();
      if (broker.pid === undefined) await broker.start();
      world.faults.end(fault);
    }
    await inSync(world);
  };

/** Waits until every replica of the topics has caught up. */
async function inSync(world: World): Promise<void> {
  for (
    const deadline = Date.now() + IN_SYNC_WITHIN_MS;
    Date.now() < deadline && !world.ending.aborted;
    await hold(world, LOOK_INTERVAL_MS)
  ) {
    const topics = await Promise.all(world.topics().map((topic) => describeTopic(world.cluster.kafka.brokers, topic))).catch(
      () => undefined,
    );
    if (topics?.every(({ partitions }) => partitions.every(({ replicas, inSync }) => inSync.length === replicas.length))) return;
  }
}

const stopFor = async (world: World, broker: Part, { holdMs }: Step) => {
  broker.pause();
  await hold(world, holdMs);
  broker.resume();
};

export const brokerFaults: Partial<Record<Kind, Episode>> = {
  'broker-kill': onBroker('broker-kill', async (world, broker, { holdMs }) => {
    await broker.kill();
    await hold(world, holdMs);
  }),
  'broker-stop-short': onBroker('broker-stop-short', stopFor),
  'broker-stop-long': onBroker('broker-stop-long', stopFor),
  'broker-restart': onBroker('broker-restart', async (world, broker, { holdMs }) => {
    await broker.stop();
    await hold(world, holdMs);
  }),
  'leader-move': async (world, { pick }) => {
    const topic = picked(world.topics(), pick);
    if (topic === undefined) return;
    const moved = await moveLeaders(world.cluster.kafka.brokers, topic).catch(() => 0);
    if (moved === 0) return;
    const fault = world.faults.begin('kafka', 'leader-move', topic);
    world.faults.end(fault, `${moved} leaders`);
  },
};
