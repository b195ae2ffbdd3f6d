import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startTcpProxy, type TcpFaultProxy } from './tcp-proxy.ts';

let server: Server;
let proxy: TcpFaultProxy;
let got = 0;

beforeAll(async () => {
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      got += chunk.length;
      socket.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => void server.close());
beforeEach(async () => {
  got = 0;
  proxy = await startTcpProxy({ target: `127.0.0.1:${(server.address() as AddressInfo).port}` });
});
afterEach(() => proxy.close());

function client(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(proxy.port, proxy.host, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Sends text and waits for the echo. @returns ms it took, and what came when the connection ended before */
function echo(socket: Socket, text: string): Promise<{ ms: number; came: string; ended: string | null }> {
  const from = performance.now();
  return new Promise((resolve) => {
    let came = '';
    const end = (ended: string | null) => resolve({ ms: performance.now() - from, came, ended });
    socket.on('data', (chunk) => {
      came += chunk.toString();
      if (came.length >= text.length) end(null);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? 'error'));
    socket.on('close', () => end('close'));
    socket.write(text);
  });
}

test('bytes go through; latency, jitter and bandwidth delay them in either direction', async () => {
  expect(await echo(await client(), 'hello')).toMatchObject({ came: 'hello', ended: null });
  for (const fault of [{ latencyMs: 120, jitterMs: 20 }, { bytesPerSecond: 40 }])
    for (const direction of ['up', 'down'] as const) {
      proxy.heal();
      proxy.shape(direction, fault);
      expect((await echo(await client(), 'hello')).ms).toBeGreaterThan(100);
    }
  proxy.heal();
  proxy.delay(60);
  expect((await echo(await client(), 'hello')).ms).toBeGreaterThan(110);
});

test('hang holds bytes back until it is healed', async () => {
  proxy.shape('up', { hang: true });
  const answer = echo(await client(), 'hello');
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(got).toBe(0);
  proxy.heal();
  expect(await answer).toMatchObject({ came: 'hello' });
});

test('cut and reset end connections; cutAfter in the middle of the bytes', async () => {
  const socket = await client();
  const cut = echo(socket, '');
  proxy.cut();
  expect((await cut).ended).not.toBeUndefined();
  const second = await client();
  await echo(second, 'x');
  const reset = new Promise((resolve) => second.once('error', (error: NodeJS.ErrnoException) => resolve(error.code)));
  proxy.cut('reset');
  expect(await reset).toBe('ECONNRESET');
  proxy.cutAfter('down', 3);
  expect(await echo(await client(), 'hello')).toMatchObject({ came: 'hel', ended: 'close' });
  proxy.cutAfter('up', 2);
  got = 0;
  expect(await echo(await client(), 'hello')).toMatchObject({ came: '' });
  await expect.poll(() => got).toBe(2);
  expect(proxy.counters()).toMatchObject({ cut: 1, reset: 1, 'cut down': 1, 'cut up': 1 });
});

test('a slow close is noticed late; down refuses', async () => {
  proxy.slowClose(150);
  const socket = await client();
  await echo(socket, 'x');
  socket.end();
  expect(proxy.connections).toBe(1);
  await expect.poll(() => proxy.connections).toBe(0);
  proxy.down(true);
  const refused = client().then((each) => echo(each, 'x'));
  expect(await refused.then(({ ended }) => ended !== null).catch(() => true)).toBe(true);
});
