import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express, type IRouter, type RequestHandler } from 'express';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { MillraceError } from '../../domain/errors.ts';
import { type Build, buildOf, registerBuild, type ServiceName } from './build.ts';
import { type Check, readiness } from './checks.ts';
import type { Logger } from './logger.ts';
import { openMetricsContentType, prometheusContentType, toOpenMetrics, wantsOpenMetrics } from './open-metrics.ts';

/** How long an HTTP client may take to send one request, ms. */
const requestTimeoutMs = 30_000;
/** How long open requests may go on when a server closes, ms; then their sockets are cut. */
const closeGraceMs = 2_000;

/** What the health and metrics routes show. `checks` is asked at every request and must not block. */
export type Health = { registry: Registry; build: Build; checks: () => readonly Check[] };

/** What runs, and a registry with that and the process's own metrics (CPU, memory, event loop, garbage collection) in it. */
export function createRegistry(service: ServiceName): { registry: Registry; build: Build } {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const build = buildOf(service);
  registerBuild(registry, build);
  return { registry, build };
}

/**
 * Adds /livez (200 while the process runs), /readyz (200 or 503; `?verbose` lists every check with its cause), /health (the checks as JSON,
 * same status), /version (what runs, as JSON) and /metrics (Prometheus text, OpenMetrics when the Accept header asks) to an app or router.
 */
export function mountHealth(app: IRouter, { registry, build, checks }: Health): void {
  const noStore: RequestHandler = (_request, response, next) => {
    response.set('Cache-Control', 'no-store');
    next();
  };
  app.get('/livez', noStore, (_request, response) => {
    response.type('text/plain').send('ok\n');
  });
  app.get('/readyz', noStore, (request, response) => {
    const { ok, text } = readiness(checks());
    const verbose = request.query.verbose !== undefined || !ok;
    response
      .status(ok ? 200 : 503)
      .type('text/plain')
      .send(verbose ? text : 'ok\n');
  });
  app.get('/health', noStore, (_request, response) => {
    const list = checks();
    const ok = readiness(list).ok;
    response.status(ok ? 200 : 503).json({ status: ok ? 'ok' : 'unavailable', checks: list });
  });
  app.get('/version', noStore, (_request, response) => {
    response.json(build);
  });
  app.get('/metrics', noStore, async (request, response) => {
    const text = await registry.metrics();
    const open = wantsOpenMetrics(request.headers.accept);
    response.set('Content-Type', open ? openMetricsContentType : prometheusContentType).send(open ? toOpenMetrics(text) : text);
  });
}

/** A listening server: its real port, and a close that lets open requests finish for a moment. Idempotent. */
export type HttpServer = { port: number; url: string; close(): Promise<void> };

/**
 * Serves an app on `listen`:`port`. What fails while it listens (no file left for a connection) is logged, and it goes on listening.
 * @param variable the setting that names the port, for the message
 * @throws kind `invalid`, code `port_taken`, naming port and variable; code `cannot_listen` for an address we may not use
 */
export async function listenHttp(
  app: Express,
  options: { listen: string; port: number; variable: string; log: Logger },
): Promise<HttpServer> {
  const server = createServer({ requestTimeout: requestTimeoutMs, keepAliveTimeout: 5_000 }, app);
  const { listen, port, variable, log } = options;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(listenError(cause, options)));
    server.listen({ host: listen, port, exclusive: true }, resolve);
  });
  const bound = (server.address() as AddressInfo | null)?.port ?? port;
  const host = listen.includes(':') ? `[${listen}]` : listen;
  const url = `http://${host}:${bound}`;
  server.removeAllListeners('error');
  // without a listener an error of the listening socket would end the process
  server.on('error', (err) => log.warn({ err, url }, 'a connection could not be accepted'));
  let closed: Promise<void> | undefined;
  return {
    port: bound,
    url,
    close: () => {
      closed ??= closeServer(server);
      return closed;
    },
  };

  function listenError(cause: NodeJS.ErrnoException, at: { listen: string; port: number }): MillraceError {
    if (cause.code === 'EADDRINUSE')
      return new MillraceError(
        'invalid',
        'port_taken',
        `port ${at.port} on ${at.listen} is taken: another process listens there. Stop it or set ${variable} to a free port (0 = any).`,
        { port: at.port, variable },
      );
    return new MillraceError(
      'invalid',
      'cannot_listen',
      `cannot listen on ${at.listen} port ${at.port} (MILLRACE_LISTEN, ${variable})`,
      { listen: at.listen, port: at.port, variable },
      cause,
    );
  }
}

async function closeServer(server: Server): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), closeGraceMs);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(cut);
}

/**
 * Health and metrics of a service on its admin port (0 = any).
 * @throws kind `invalid`, code `port_taken`, naming port and MILLRACE_ADMIN_PORT
 */
export async function startAdminServer(options: Health & { listen: string; port: number; log: Logger }): Promise<HttpServer> {
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  mountHealth(app, options);
  app.use((_request, response) => {
    response.status(404).type('text/plain').send('not found; see /livez /readyz?verbose /health /version /metrics\n');
  });
  const server = await listenHttp(app, {
    listen: options.listen,
    port: options.port,
    variable: 'MILLRACE_ADMIN_PORT',
    log: options.log,
  });
  options.log.info({ url: server.url }, 'health and metrics are served');
  return server;
}
