import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

/** `cutBody`, `stallBody`: half of the answer's body, then the connection breaks, or nothing more comes. `cutBefore`: the connection breaks before the server saw the request; `cutAfter`: after the server answered; a number: that status without asking the server. */
export type ProxyFault = 'cutBefore' | 'cutAfter' | 'cutBody' | 'stallBody' | number;

/** An HTTP proxy on loopback in front of an S3 server that fails the next request on demand. */
export async function startFaultProxy(
  target: string,
): Promise<{ url: string; next(fault: ProxyFault): void; spent(): boolean; close(): Promise<void> }> {
  const to = new URL(target);
  let fault: ProxyFault | undefined;
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const now = fault;
      fault = undefined;
      if (now === 'cutBefore') return void incoming.socket.destroy();
      if (typeof now === 'number') return void outgoing.writeHead(now).end();
      // the Host header stays the client's: it is signed
      const forwarded = request(
        { host: to.hostname, port: to.port, method: incoming.method, path: incoming.url, headers: incoming.headers, setHost: false },
        (answer) => {
          if (now === 'cutAfter') {
            answer.resume();
            answer.on('end', () => incoming.socket.destroy());
            return;
          }
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          if (now === 'cutBody' || now === 'stallBody') {
            answer.once('data', (chunk: Buffer) => {
              answer.destroy();
              outgoing.write(chunk.subarray(0, chunk.length / 2), () => now === 'cutBody' && incoming.socket.destroy());
            });
            return;
          }
          answer.pipe(outgoing);
        },
      );
      forwarded.on('error', () => incoming.socket.destroy());
      forwarded.end(Buffer.concat(chunks));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    next: (wanted) => {
      fault = wanted;
    },
    spent: () => fault === undefined,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
