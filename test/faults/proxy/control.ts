import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpFaultProxy } from './http-proxy.ts';
import type { KafkaFaultProxy } from './kafka-proxy.ts';
import type { TcpFaultProxy } from './tcp-proxy.ts';

export type Control = { readonly url: string; close(): Promise<void> };

type Proxy = HttpFaultProxy | TcpFaultProxy | KafkaFaultProxy;

/** Methods a control request may call, besides those of `held`. Counters are read by GET. */
const callable = new Set(
  'add next remove clear struck cutAll down shape delay heal cut cutAfter slowClose starve feed refuse releaseAll release discard cutSender'.split(
    ' ',
  ),
);

/**
 * The proxies over a small HTTP port on loopback, for whoever steers them from another process:
 * `GET /<proxy>` gives counters and held requests; `POST /<proxy>/<method>` with a JSON array of arguments calls the proxy's method of that name
 * (`release`, `releaseAll`, `discard`, `cutSender`: of what it holds) and gives its result as JSON.
 */
export async function startControl(proxies: Readonly<Record<string, Proxy>>, port = 0): Promise<Control> {
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', async () => {
      const [, name = '', method = ''] = (incoming.url ?? '').split('/');
      const answer = (status: number, body: unknown) =>
        outgoing.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body ?? null)}\n`);
      const proxy = proxies[name];
      if (proxy === undefined) return answer(404, { error: `no proxy ${name}; there are ${Object.keys(proxies).join(', ')}` });
      if (incoming.method === 'GET') return answer(200, viewOf(proxy));
      try {
        const text = Buffer.concat(chunks).toString('utf8');
        answer(200, await call(proxy, method, text === '' ? [] : (JSON.parse(text) as unknown[])));
      } catch (error) {
        answer(400, { error: String(error) });
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function viewOf(proxy: Proxy): unknown {
  const counters = proxy.counters();
  if (!('held' in proxy)) return { counters };
  const held = proxy.held.all().map(({ body, ...request }) => ({ ...request, bodyBytes: body.length }));
  return { counters, held };
}

async function call(proxy: Proxy, method: string, args: unknown[]): Promise<unknown> {
  if (!callable.has(method)) throw new Error(`no method ${method}`);
  const owner = 'held' in proxy && method in proxy.held ? proxy.held : proxy;
  const found = (owner as unknown as Record<string, unknown>)[method];
  if (typeof found !== 'function') throw new Error(`this proxy has no method ${method}`);
  return found.apply(owner, args);
}
