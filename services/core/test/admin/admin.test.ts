import { connect, Server } from 'node:net';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { buildOf } from '../../src/adapters/admin/build.ts';
import type { Check } from '../../src/adapters/admin/checks.ts';
import { createLogger } from '../../src/adapters/admin/logger.ts';
import { toOpenMetrics, wantsOpenMetrics } from '../../src/adapters/admin/open-metrics.ts';
import { type HttpServer, startAdminServer } from '../../src/adapters/admin/server.ts';

const log = createLogger('test', 'silent');
const build = buildOf('phase1');
const open: HttpServer[] = [];
async function start(checks: Check[], registry = new Registry()): Promise<HttpServer> {
  const server = await startAdminServer({ listen: '127.0.0.1', port: 0, registry, build, checks: () => checks, log });
  open.push(server);
  return server;
}
afterEach(() => Promise.all(open.splice(0).map((server) => server.close())));
const get = async (server: HttpServer, path: string, headers: Record<string, string> = {}) => {
  const response = await fetch(server.url + path, { headers });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
};

const up: Check = { name: 'kafka', ok: true, detail: null };
const down: Check = { name: 'store', ok: false, detail: 's3://bucket: connection refused' };

describe('health', () => {
  it('is live whatever the checks say', async () => {
    expect(await get(await start([down]), '/livez')).toMatchObject({ status: 200, text: 'ok\n' });
  });

  it('is ready when every check is met, and lists them when asked', async () => {
    const server = await start([up]);
    expect(await get(server, '/readyz')).toMatchObject({ status: 200, text: 'ok\n' });
    expect(await get(server, '/readyz?verbose')).toMatchObject({ status: 200, text: '[+]kafka ok\nready\n' });
    expect(JSON.parse((await get(server, '/health')).text)).toEqual({ status: 'ok', checks: [up] });
  });

  it('says which check is not met and why', async () => {
    const server = await start([up, down]);
    for (const path of ['/readyz', '/readyz?verbose'])
      expect(await get(server, path)).toMatchObject({
        status: 503,
        text: '[+]kafka ok\n[-]store failed: s3://bucket: connection refused\nnot ready\n',
      });
    expect(await get(server, '/health')).toMatchObject({
      status: 503,
      text: JSON.stringify({ status: 'unavailable', checks: [up, down] }),
    });
  });

  it('says what runs', async () => {
    const answer = await get(await start([down]), '/version');
    expect(answer).toMatchObject({ status: 200, type: 'application/json; charset=utf-8' });
    expect(JSON.parse(answer.text)).toEqual({ service: 'phase1', version: expect.stringMatching(/^\d+\.\d+\.\d+/), node: process.version });
  });

  it('serves nothing else', async () => {
    expect((await get(await start([]), '/')).status).toBe(404);
  });
});

describe('the port', () => {
  it('is a clear error when it is taken, naming it and its setting', async () => {
    const { port } = await start([]);
    await expect(
      startAdminServer({ listen: '127.0.0.1', port, registry: new Registry(), build, checks: () => [], log }),
    ).rejects.toMatchObject({
      kind: 'invalid',
      code: 'port_taken',
      message: expect.stringMatching(new RegExp(`port ${port} .*MILLRACE_ADMIN_PORT`)),
    });
  });

  it('goes on listening when accepting a connection fails, and says so', async () => {
    const listen = vi.spyOn(Server.prototype, 'listen');
    const warn = vi.spyOn(log, 'warn');
    const server = await start([up]);
    const [listener] = listen.mock.contexts as Server[];
    const failure = Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' });
    listener?.emit('error', failure);
    expect(warn).toHaveBeenCalledWith({ err: failure, url: server.url }, expect.any(String));
    expect((await get(server, '/livez')).status).toBe(200);
    vi.restoreAllMocks();
  });

  it('is a clear error when the address is not ours', async () => {
    await expect(
      startAdminServer({ listen: '192.0.2.1', port: 0, registry: new Registry(), build, checks: () => [], log }),
    ).rejects.toMatchObject({ kind: 'invalid', code: 'cannot_listen' });
  });

  it('is free again after close, idle and half-sent connections notwithstanding', async () => {
    const server = await start([]);
    await get(server, '/livez');
    const socket = connect(server.port, '127.0.0.1', () => socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n'));
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('connect', resolve));
    await Promise.all([server.close(), server.close()]);
    const again = await startAdminServer({
      listen: '127.0.0.1',
      port: server.port,
      registry: new Registry(),
      build,
      checks: () => [],
      log,
    });
    open.push(again);
    expect(again.port).toBe(server.port);
  });
});

describe('metrics', () => {
  function registry(): Registry {
    const metrics = new Registry();
    new Counter({ name: 'millrace_a_total', help: 'a "quoted" thing', labelNames: ['x'], registers: [metrics] }).inc({ x: '{}' }, 2);
    new Counter({ name: 'millrace_b', help: 'no suffix', registers: [metrics] }).inc();
    new Gauge({ name: 'millrace_up', help: 'up', registers: [metrics] }).set(1);
    new Histogram({ name: 'millrace_s', help: 's', buckets: [1], registers: [metrics] }).observe(0.5);
    return metrics;
  }

  it('are OpenMetrics when the scraper asks, Prometheus text before and after', async () => {
    const server = await start([], registry());
    const plain = await get(server, '/metrics');
    expect(plain).toMatchObject({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8' });
    expect(plain.text).toContain('\nmillrace_a_total{x="{}"} 2\n');
    const modern = await get(server, '/metrics', { accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' });
    expect(modern.type).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(await get(server, '/metrics')).toEqual(plain);
  });

  it('name counter families without and samples with _total, and end in EOF', async () => {
    const text = toOpenMetrics(await registry().metrics());
    expect(text.split('\n')).toEqual([
      '# HELP millrace_a a \\"quoted\\" thing',
      '# TYPE millrace_a counter',
      'millrace_a_total{x="{}"} 2',
      '# HELP millrace_b no suffix',
      '# TYPE millrace_b counter',
      'millrace_b_total 1',
      '# HELP millrace_up up',
      '# TYPE millrace_up gauge',
      'millrace_up 1',
      '# HELP millrace_s s',
      '# TYPE millrace_s histogram',
      'millrace_s_bucket{le="1"} 1',
      'millrace_s_bucket{le="+Inf"} 1',
      'millrace_s_sum 0.5',
      'millrace_s_count 1',
      '# EOF',
      '',
    ]);
  });

  it('are plain for those who do not ask', () => {
    expect([undefined, '*/*', 'text/plain', 'application/openmetrics-text; version=1.0.0'].map(wantsOpenMetrics)).toEqual([
      false,
      false,
      false,
      true,
    ]);
  });
});
