import { setTimeout as sleep } from 'node:timers/promises';
import { bodyOf, capVersions, editAddress, findAddresses, starveFetch } from './kafka-answers.ts';
import { apis, applyEdits, Frames, joinFrames } from './kafka-wire.ts';
import { addressOf, type Filter, startTcpProxy, type TcpFaultProxy } from './tcp-proxy.ts';

/** A whole Kafka cluster behind proxies: whatever broker a client is sent to, it talks to us. */
export type KafkaFaultProxy = {
  /** `host:port,…` for KAFKA_BROKERS */
  readonly brokers: string;
  /** From now on fetches bring no record of this partition; everything else (other partitions, heartbeats, metadata, offsets) goes on. */
  starve(topic: string, partition: number): void;
  /** Ends the starving of one partition, or of all. */
  feed(topic?: string, partition?: number): void;
  /** Everything to and from every broker this much later, ms; 0 ends it. */
  delay(ms: number): void;
  /** Closes every connection. */
  cut(how?: 'end' | 'reset'): void;
  /** New connections are refused, and those that are open end. */
  down(isDown: boolean): void;
  /** The proxy in front of one real broker, by that broker's `host:port`. */
  broker(address: string): TcpFaultProxy | undefined;
  /** Faults injected since the start, by kind; `starve`: fetch answers that lost records. */
  counters(): Record<string, number>;
  close(): Promise<void>;
};

/** A fetch answer of which nothing is left is held for so long, ms, as a broker does that has nothing new: clients ask again at once. */
const emptyFetchMs = 500;
/** Requests whose answers are looked into. */
const lookedInto: ReadonlySet<number> = new Set(Object.values(apis));

/** @param brokers `host:port,…` of the real brokers; those that they tell of are taken in as they appear */
export async function startKafkaProxy(brokers: string, seed = 1): Promise<KafkaFaultProxy> {
  const proxies = new Map<string, Promise<TcpFaultProxy>>();
  const running = new Map<string, TcpFaultProxy>();
  const topicNames = new Map<string, string>();
  const starved = new Set<string>();
  let starvedAnswers = 0;
  let delayMs = 0;
  let isDown = false;

  const proxyOf = (target: string): Promise<TcpFaultProxy> => {
    const known = proxies.get(target);
    if (known !== undefined) return known;
    const started = startTcpProxy({ target, seed, filter }).then((proxy) => {
      if (delayMs > 0) proxy.delay(delayMs);
      if (isDown) proxy.down(true);
      running.set(target, proxy);
      return proxy;
    });
    proxies.set(target, started);
    return started;
  };

  const filter = (): Filter => {
    const frames = { up: new Frames(), down: new Frames() };
    const asked = new Map<number, { api: number; version: number }>();
    return async (direction, chunk) => {
      const complete = frames[direction].push(chunk);
      if (direction === 'down') return joinFrames(await Promise.all(complete.map((frame) => answer(frame, asked))));
      for (const frame of complete) {
        const api = frame.readInt16BE(0);
        if (lookedInto.has(api)) asked.set(frame.readInt32BE(4), { api, version: frame.readInt16BE(2) });
      }
      return joinFrames(complete);
    };
  };

  async function answer(frame: Buffer, asked: Map<number, { api: number; version: number }>): Promise<Buffer> {
    const id = frame.readInt32BE(0);
    const request = asked.get(id);
    asked.delete(id);
    if (request === undefined) return frame;
    const { api, version } = request;
    if (api === apis.apiVersions) return capVersions(frame, frame.readInt16BE(4) === unsupportedVersion ? 0 : version);
    if (api === apis.fetch) return starved.size === 0 ? frame : starve(frame, version);
    const { flexible } = bodyOf(frame, api, version);
    const edits = await Promise.all(
      findAddresses(frame, api, version, topicNames)
        .filter(({ host, port }) => host !== '' && port > 0)
        .map(async (found) => editAddress(found, await proxyOf(`${found.host}:${found.port}`), flexible)),
    );
    return applyEdits(frame, edits);
  }

  async function starve(frame: Buffer, version: number): Promise<Buffer> {
    const { edits, records } = starveFetch(frame, version, (topic, partition) => starved.has(`${topic}/${partition}`), topicNames);
    if (edits.length === 0) return frame;
    starvedAnswers++;
    if (records === 0) await sleep(emptyFetchMs);
    return applyEdits(frame, edits);
  }

  const first = await Promise.all(brokers.split(',').map((target) => proxyOf(normal(target))));
  const all = (action: (proxy: TcpFaultProxy) => void) => {
    for (const proxy of running.values()) action(proxy);
  };
  return {
    brokers: first.map(({ address }) => address).join(','),
    starve: (topic, partition) => void starved.add(`${topic}/${partition}`),
    feed: (topic, partition) => {
      if (topic === undefined || partition === undefined) starved.clear();
      else starved.delete(`${topic}/${partition}`);
    },
    delay: (ms) => {
      delayMs = ms;
      all((proxy) => proxy.delay(ms));
    },
    cut: (how) => all((proxy) => proxy.cut(how)),
    down: (wanted) => {
      isDown = wanted;
      all((proxy) => proxy.down(wanted));
    },
    broker: (address) => running.get(normal(address)),
    counters: () => {
      const counters: Record<string, number> = starvedAnswers === 0 ? {} : { starve: starvedAnswers };
      all((proxy) => {
        for (const [kind, times] of Object.entries(proxy.counters())) counters[kind] = (counters[kind] ?? 0) + times;
      });
      return counters;
    },
    close: async () => {
      await Promise.all([...running.values()].map((proxy) => proxy.close()));
    },
  };
}

/** Error code of ApiVersions asked in a version the broker does not know: it then answers in version 0. */
const unsupportedVersion = 35;

const normal = (target: string) => {
  const { host, port } = addressOf(target);
  return `${host}:${port}`;
};
