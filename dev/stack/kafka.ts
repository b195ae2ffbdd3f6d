import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { javaBinary, kafkaLibs, kafkaTemplate } from '../setup/paths.mjs';
import { createPart, type Part } from './part.ts';
import { choosePort } from './ports.ts';

export interface KafkaOptions {
  /** Configuration, logs and data; a cluster found there is started again. */
  readonly dir: string;
  readonly brokers: 1 | 3;
  /** 22 characters of URL-safe base64; by default a new one, or the one found in `dir`. */
  readonly clusterId?: string;
  /** Client port of each node, in order; the controller listens on a port of its own choice. */
  readonly ports?: readonly number[];
  /** More lines of the brokers' configuration; they win. */
  readonly properties?: Readonly<Record<string, string>>;
}

export interface Kafka {
  /** `host:port,…` for KAFKA_BROKERS. */
  readonly brokers: string;
  readonly clusterId: string;
  /** One a broker; each is broker and controller and can be stopped, killed and started alone. */
  readonly nodes: readonly Part[];
  /** Where each broker keeps its partitions, in the order of `nodes`. */
  readonly logDirs: readonly string[];
  readonly pids: readonly number[];
  start(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

const USUAL_PORT = 19_092;

/** Starts a real Apache Kafka without ZooKeeper on loopback, one node or three, and waits until it serves. */
export async function startKafka(options: KafkaOptions): Promise<Kafka> {
  const clusterId = identify(options);
  const ports = await Promise.all(
    Array.from({ length: options.brokers }, async (_, index) => ({
      client: options.ports?.[index] ?? (await choosePort(USUAL_PORT + 10 * index)),
      controller: await choosePort(USUAL_PORT + 10 * index + 1),
    })),
  );
  const nodes = ports.map((_, index) => createNode(options, index + 1, clusterId, ports));
  const all = (action: (node: Part) => Promise<void>) => async () => {
    await Promise.all(nodes.map(action));
  };
  const start = all((node) => node.start());
  const stop = all((node) => node.stop());
  const kafka: Kafka = {
    brokers: ports.map(({ client }) => `127.0.0.1:${client}`).join(','),
    clusterId,
    nodes,
    logDirs: nodes.map((_, index) => logDir(options.dir, index + 1)),
    get pids() {
      return nodes.flatMap((node) => (node.pid === undefined ? [] : [node.pid]));
    },
    start,
    stop,
    kill: all((node) => node.kill()),
    restart: async () => {
      await stop();
      await start();
    },
  };
  try {
    await start();
  } catch (error) {
    await kafka.kill();
    throw error;
  }
  return kafka;
}

interface Ports {
  readonly client: number;
  readonly controller: number;
}

/** The id of the cluster in `dir`; refuses a directory that holds a cluster of another size. */
function identify({ dir, brokers, clusterId }: KafkaOptions): string {
  const file = join(dir, 'cluster.json');
  if (existsSync(file)) {
    const found = JSON.parse(readFileSync(file, 'utf8')) as { clusterId: string; brokers: number };
    if (found.brokers !== brokers || (clusterId !== undefined && clusterId !== found.clusterId)) {
      throw new Error(`${dir} holds a cluster of ${found.brokers} with the id ${found.clusterId}; use another directory or remove it`);
    }
    return found.clusterId;
  }
  const id = clusterId ?? uuid();
  mkdirSync(dir, { recursive: true });
  writeFileSync(file, JSON.stringify({ clusterId: id, brokers }));
  return id;
}

const homeOf = (dir: string, id: number) => join(dir, `node-${id}`);
const logDir = (dir: string, id: number) => join(homeOf(dir, id), 'data');

function createNode({ dir, properties: more }: KafkaOptions, id: number, clusterId: string, ports: readonly Ports[]): Part {
  const home = homeOf(dir, id);
  const logs = logDir(dir, id);
  mkdirSync(logs, { recursive: true });
  if (!existsSync(join(logs, 'meta.properties'))) {
    copyFileSync(kafkaTemplate, join(logs, 'bootstrap.checkpoint'));
    writeFileSync(join(logs, 'meta.properties'), `version=1\nnode.id=${id}\ncluster.id=${clusterId}\ndirectory.id=${uuid()}\n`);
  }
  const properties = join(home, 'server.properties');
  writeFileSync(properties, serverProperties(id, ports, logs, more));
  const log4j = fileURLToPath(new URL('log4j2.properties', import.meta.url));
  return createPart({
    name: `kafka-${id}`,
    dir: home,
    command: javaBinary() ?? 'java',
    args: [
      '-Xms96m',
      '-Xmx512m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-Xshare:auto',
      '-cp',
      join(kafkaLibs, '*'),
      `-Dlog4j2.configurationFile=${log4j}`,
      'kafka.Kafka',
      properties,
    ],
    cwd: home,
    stopSignal: 'SIGTERM',
    // The open port alone is too early: requests are answered only after this line.
    isReady: (log) => log.includes('Kafka Server started'),
  });
}

/** A KRaft UUID that does not begin with a dash, which command lines take for a flag. */
function uuid(): string {
  const text = randomBytes(16).toString('base64url');
  return text.startsWith('-') ? uuid() : text;
}

function serverProperties(id: number, ports: readonly Ports[], logs: string, more: KafkaOptions['properties']): string {
  const own = ports[id - 1] as Ports;
  const cluster = ports.length > 1;
  const copies = cluster ? 3 : 1;
  const inSync = cluster ? 2 : 1;
  const lines = {
    'process.roles': 'broker,controller',
    'node.id': id,
    listeners: `PLAINTEXT://127.0.0.1:${own.client},CONTROLLER://127.0.0.1:${own.controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${own.client}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.quorum.voters': ports.map(({ controller }, index) => `${index + 1}@127.0.0.1:${controller}`).join(','),
    'log.dirs': logs,
    'auto.create.topics.enable': false,
    'default.replication.factor': copies,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': copies,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': inSync,
    // The default of 50 makes the first group join and every restart slow.
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.num.partitions': 4,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    'group.consumer.min.session.timeout.ms': 1000,
    'group.consumer.min.heartbeat.interval.ms': 500,
    'group.consumer.session.timeout.ms': 10_000,
    'group.consumer.heartbeat.interval.ms': 1000,
    // With the default of 9 s a broker that was killed waits that long for its own old session.
    'broker.session.timeout.ms': 3000,
    'broker.heartbeat.interval.ms': 500,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'log.cleaner.dedupe.buffer.size': 16_777_216,
    'log.cleaner.backoff.ms': 1000,
    'log.retention.check.interval.ms': 5000,
    'log.segment.delete.delay.ms': 1000,
    ...(cluster && {
      'replica.lag.time.max.ms': 3000,
      'controller.quorum.election.timeout.ms': 500,
      'controller.quorum.fetch.timeout.ms': 1000,
    }),
    ...more,
  };
  return `${Object.entries(lines)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')}\n`;
}
