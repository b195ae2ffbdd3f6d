import { Agent, createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Held, HeldRequests } from './held.ts';
import { type Fault, type FaultRule, keyOf, Rules, type SeenRequest } from './rules.ts';

/** An HTTP proxy on loopback that does to chosen requests what networks, servers and their operators do. */
export type HttpFaultProxy = {
  readonly url: string;
  /** Adds a rule; the first rule that strikes decides. @returns its id */
  add(rule: FaultRule): number;
  /** Adds a rule for the next request that matches, whichever it is by default. */
  next(fault: Fault, match?: Omit<FaultRule, 'fault' | 'times'>): number;
  remove(id: number): void;
  clear(): void;
  /** How often a rule has struck. */
  struck(id: number): number;
  readonly held: HeldRequests;
  /** Faults injected since the start, by kind. */
  counters(): Record<string, number>;
  /** Cuts all connections; while `down`, new ones are cut too. */
  cutAll(): void;
  down(isDown: boolean): void;
  close(): Promise<void>;
};

export type HttpProxyOptions = {
  /** `http://host:port` of the real server */
  target: string;
  /** of rules with a probability and of jitter; 1 by default */
  seed?: number;
  /** a free one by default */
  port?: number;
  /** what it says no to is answered 403, as by a store that refuses for want of rights; before any rule */
  allow?: (request: SeenRequest) => boolean;
};

const socketsMax = 256;
/** A body with a bandwidth flows in so many pieces a second. */
const piecesPerSecond = 20;

/** What the target answered, whole. */
type Answer = { status: number; headers: IncomingHttpHeaders; body: Buffer };

/**
 * Starts it. Requests are taken in whole before anything happens to them, so "the target never saw it" and "the target carried it out" are certain.
 * Headers go on as they came, the Host header too: clients of S3 sign it, and the server checks the signature, not the name.
 */
export async function startHttpProxy({ target, seed = 1, port = 0, allow }: HttpProxyOptions): Promise<HttpFaultProxy> {
  const to = new URL(target);
  const agent = new Agent({ keepAlive: true, maxSockets: socketsMax });
  const rules = new Rules(seed);
  let isDown = false;

  const forward = (incoming: IncomingMessage, body: Buffer, halfOnly = false): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { connection: _, expect: __, ...headers } = incoming.headers;
      const options = { host: to.hostname, port: to.port, method: incoming.method, path: incoming.url, headers, setHost: false };
      const sent = request(halfOnly ? options : { ...options, agent }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => resolve({ status: answer.statusCode ?? 502, headers: answer.headers, body: Buffer.concat(chunks) }));
      });
      sent.on('error', reject);
      if (halfOnly) sent.write(body.subarray(0, body.length / 2), () => setTimeout(() => sent.destroy(), 50));
      else sent.end(body);
    });
  const held = new HeldRequests();

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse, body: Buffer): Promise<void> {
    const seen = seenOf(incoming);
    if (allow?.(seen) === false) return answerWith(outgoing, seen, { do: 'answer', status: 403, code: 'AccessDenied' });
    const struck = rules.strike(seen);
    const fault = struck?.fault;
    const socket = incoming.socket;
    if (fault?.do === 'answer') return answerWith(outgoing, seen, fault);
    if (fault?.do === 'hang' && fault.side === 'request') return;
    if (fault?.do === 'reset' && fault.side !== 'answer') return void socket.resetAndDestroy();
    if (fault?.do === 'cut' && fault.side === 'request') {
      await forward(incoming, body, true).catch(() => undefined);
      return void socket.destroy();
    }
    if (fault?.do === 'latency' && fault.side !== 'answer') await sleep(fault.ms + rules.fraction() * (fault.jitterMs ?? 0));
    if (fault?.do === 'bandwidth' && fault.side === 'request') await sleep((1000 * body.length) / fault.bytesPerSecond);
    if (fault?.do === 'hold') {
      const carriedOut = await held.keep(struck?.id ?? 0, seen, body, socket, () => forward(incoming, body));
      if (carriedOut === undefined) return void socket.destroy();
      return give(outgoing, carriedOut, undefined, rules);
    }
    let answer = await forward(incoming, body);
    if (fault?.do === 'duplicate') {
      const second = await forward(incoming, body);
      if (fault.tell === 'second') answer = second;
    }
    if (fault?.do === 'swallow' || fault?.do === 'reset') return void socket.resetAndDestroy();
    await give(outgoing, answer, fault, rules);
  }

  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    // a target that cannot be reached is told by a broken connection, as the network would
    incoming.on('end', () => void serve(incoming, outgoing, Buffer.concat(chunks)).catch(() => incoming.socket.destroy()));
    incoming.on('error', () => undefined);
  });
  server.keepAliveTimeout = 60_000;
  server.requestTimeout = 0;
  server.on('connection', (socket) => isDown && socket.destroy());
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    add: (rule) => rules.add(rule),
    next: (fault, match = {}) => rules.add({ ...match, fault, times: 1 }),
    remove: (id) => rules.remove(id),
    clear: () => rules.clear(),
    struck: (id) => rules.struck(id),
    held,
    counters: () => rules.counters(),
    cutAll: () => {
      rules.count('cut all');
      server.closeAllConnections();
    },
    down: (wanted) => {
      if (wanted && !isDown) rules.count('down');
      isDown = wanted;
      if (wanted) server.closeAllConnections();
    },
    close: () =>
      new Promise((resolve) => {
        held.discard();
        agent.destroy();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function seenOf(incoming: IncomingMessage): SeenRequest {
  const path = incoming.url ?? '/';
  return { method: incoming.method ?? 'GET', path, key: keyOf(path), conditional: incoming.headers['if-none-match'] !== undefined };
}

/** An error as S3 words it, which others may ignore. */
function answerWith(outgoing: ServerResponse, { method, key }: SeenRequest, { status, code }: Extract<Fault, { do: 'answer' }>): void {
  const words = code ?? '';
  const body =
    words === '' || method === 'HEAD'
      ? ''
      : `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${words}</Code><Message>injected</Message><Key>${key.replace(/[<&]/g, '_')}</Key></Error>`;
  outgoing.writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) }).end(body);
}

async function give(outgoing: ServerResponse, answer: Answer | Held, fault: Fault | undefined, rules: Rules): Promise<void> {
  const { status, headers, body } = answer;
  if (body.length === 0 && fault?.do === 'cut') return void outgoing.socket?.destroy();
  if (body.length === 0 && fault?.do === 'hang') return;
  if (fault?.do === 'latency') await sleep(fault.side === 'answer' ? fault.ms + rules.fraction() * (fault.jitterMs ?? 0) : 0);
  const { connection: _, 'transfer-encoding': __, ...kept } = headers;
  // an answer without a body (HEAD, 304) keeps the length it names
  outgoing.writeHead(status, body.length === 0 ? kept : { ...kept, 'content-length': body.length });
  const half = body.subarray(0, body.length / 2);
  if (fault?.do === 'cut') {
    outgoing.flushHeaders();
    outgoing.write(half, () => outgoing.socket?.destroy());
  } else if (fault?.do === 'hang') {
    outgoing.flushHeaders();
    outgoing.write(half);
  } else if (fault?.do === 'slowClose') {
    outgoing.flushHeaders();
    outgoing.write(body.subarray(0, -1));
    await sleep(fault.ms);
    outgoing.end(body.subarray(-1));
  } else if (fault?.do === 'bandwidth') {
    const piece = Math.max(1, Math.ceil(fault.bytesPerSecond / piecesPerSecond));
    for (let at = 0; at < body.length && !outgoing.destroyed; at += piece) {
      await sleep(1000 / piecesPerSecond);
      outgoing.write(body.subarray(at, at + piece));
    }
    outgoing.end();
  } else outgoing.end(body);
}
