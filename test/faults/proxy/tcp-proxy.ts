import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '@millrace/core/adapters/system/seeded.ts';

/** `up`: from the client to the server. */
export type Direction = 'up' | 'down';

/** What happens to all bytes of a direction. Times in ms, rates in bytes a second; what is not named does not happen. */
export type LinkFault = { latencyMs?: number; jitterMs?: number; bytesPerSecond?: number; hang?: boolean };

/** A proxy of byte streams on loopback: Kafka, PostgreSQL, anything. */
export type TcpFaultProxy = {
  readonly host: string;
  readonly port: number;
  /** `host:port`. */
  readonly address: string;
  /** Sets what happens to a direction from now on, on connections that are open too. */
  shape(direction: Direction, fault: LinkFault): void;
  /** Both directions this much later, ms; 0 ends it. */
  delay(ms: number): void;
  /** Ends all shaping. */
  heal(): void;
  /** Closes every connection: by FIN, or by RST. */
  cut(how?: 'end' | 'reset'): void;
  /** Closes the next connection that has passed `bytes` more in a direction: in the middle of whatever was on its way. */
  cutAfter(direction: Direction, bytes: number): void;
  /** A side that closes is noticed by the other one only so much later, ms. */
  slowClose(ms: number): void;
  /** New connections are refused after they were made, and those that are open end. */
  down(isDown: boolean): void;
  readonly connections: number;
  /** Faults injected since the start, by kind. */
  counters(): Record<string, number>;
  close(): Promise<void>;
};

/** Sees the bytes of one connection before they go on; gives back what goes on. Called in order for each direction. */
export type Filter = (direction: Direction, chunk: Buffer) => Buffer | Promise<Buffer>;

export type TcpProxyOptions = {
  /** `host:port` of the real server */
  target: string;
  seed?: number;
  /** a free one by default */
  port?: number;
  /** one for each connection */
  filter?: () => Filter;
};

type Link = { client: Socket; server: Socket };

export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpFaultProxy> {
  const { host, port } = addressOf(options.target);
  const fraction = seeded(options.seed ?? 1);
  const links = new Set<Link>();
  const shapes: Record<Direction, LinkFault> = { up: {}, down: {} };
  const counters = new Map<string, number>();
  const count = (kind: string) => void counters.set(kind, (counters.get(kind) ?? 0) + 1);
  let wake = Promise.withResolvers<void>();
  let closeMs = 0;
  let isDown = false;
  let cutting: { direction: Direction; bytes: number } | undefined;

  /** One direction of a connection: chunks go on one after the other, each when its time has come. */
  async function pump(link: Link, direction: Direction, filter: Filter | undefined): Promise<void> {
    const [from, into] = direction === 'up' ? [link.client, link.server] : [link.server, link.client];
    for await (const chunk of from as AsyncIterable<Buffer>) {
      let bytes = filter === undefined ? chunk : await filter(direction, chunk);
      while (shapes[direction].hang) await wake.promise;
      const { latencyMs = 0, jitterMs = 0, bytesPerSecond } = shapes[direction];
      const waitMs = latencyMs + fraction() * jitterMs + (bytesPerSecond === undefined ? 0 : (1000 * bytes.length) / bytesPerSecond);
      if (waitMs > 0) await sleep(waitMs);
      if (cutting?.direction === direction) {
        cutting.bytes -= bytes.length;
        if (cutting.bytes <= 0) {
          bytes = bytes.subarray(0, bytes.length + cutting.bytes);
          cutting = undefined;
          count(`cut ${direction}`);
          into.write(bytes, () => end(link));
          return;
        }
      }
      if (into.destroyed) return;
      if (!into.write(bytes)) await new Promise<void>((resolve) => void into.once('drain', resolve).once('close', resolve));
    }
  }

  function end(link: Link, how: 'end' | 'reset' = 'end'): void {
    links.delete(link);
    for (const socket of [link.client, link.server]) how === 'reset' ? socket.resetAndDestroy() : socket.destroy();
  }

  const server = createServer((client) => {
    if (isDown) return void client.resetAndDestroy();
    const link = { client, server: connect({ host, port, noDelay: true }) };
    links.add(link);
    client.setNoDelay(true);
    const filter = options.filter?.();
    for (const socket of [link.client, link.server]) {
      socket.on('error', () => undefined);
      socket.once('close', () => setTimeout(() => end(link), closeMs));
    }
    for (const direction of ['up', 'down'] as const)
      void pump(link, direction, filter)
        .catch(() => undefined)
        .then(() => setTimeout(() => end(link), closeMs));
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const own = (server.address() as AddressInfo).port;
  const cut = (how: 'end' | 'reset' = 'end') => {
    count(how === 'end' ? 'cut' : 'reset');
    for (const link of [...links]) end(link, how);
  };
  const shape = (direction: Direction, fault: LinkFault) => {
    shapes[direction] = fault;
    if (fault.latencyMs || fault.jitterMs) count(`latency ${direction}`);
    if (fault.bytesPerSecond !== undefined) count(`bandwidth ${direction}`);
    if (fault.hang) count(`hang ${direction}`);
    wake.resolve();
    wake = Promise.withResolvers<void>();
  };
  return {
    host: '127.0.0.1',
    port: own,
    address: `127.0.0.1:${own}`,
    shape,
    delay: (ms) => {
      for (const direction of ['up', 'down'] as const) shape(direction, { latencyMs: ms });
    },
    heal: () => {
      for (const direction of ['up', 'down'] as const) shape(direction, {});
      closeMs = 0;
    },
    cut,
    cutAfter: (direction, bytes) => {
      cutting = { direction, bytes };
    },
    slowClose: (ms) => {
      closeMs = ms;
      count('slow close');
    },
    down: (wanted) => {
      if (wanted && !isDown) count('down');
      isDown = wanted;
      if (wanted) for (const link of [...links]) end(link);
    },
    get connections() {
      return links.size;
    },
    counters: () => Object.fromEntries(counters),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const link of [...links]) end(link);
      }),
  };
}

/** Pure. @throws for what is not `host:port` */
export function addressOf(text: string): { host: string; port: number } {
  const found = /^(.+):(\d+)$/.exec(text.trim());
  if (found?.[1] === undefined) throw new Error(`not host:port: ${text}`);
  return { host: found[1], port: Number(found[2]) };
}
