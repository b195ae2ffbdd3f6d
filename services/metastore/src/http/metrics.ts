import type { RequestHandler } from 'express';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What the metastore measures, in a registry. */
export type MetastoreMetrics = { observe: RequestHandler; databaseUp: (up: boolean) => void };

/** Methods told apart; anything else a stranger sends counts as OTHER, so that the number of series stays bounded. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE']);

export function createMetrics(registry: Registry): MetastoreMetrics {
  const requests = new Counter({
    name: 'millrace_http_requests_total',
    help: 'HTTP requests answered',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'millrace_http_request_seconds',
    help: 'Time to answer HTTP requests',
    labelNames: ['route'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [registry],
  });
  const up = new Gauge({ name: 'millrace_database_up', help: '1 while the database answers', registers: [registry] });
  up.set(0);
  return {
    databaseUp: (value) => up.set(value ? 1 : 0),
    observe: (request, response, next) => {
      const end = seconds.startTimer();
      response.once('finish', () => {
        const path: unknown = (request.route as { path?: unknown } | undefined)?.path;
        const route = typeof path === 'string' ? path : 'other';
        requests.inc({ method: methods.has(request.method) ? request.method : 'OTHER', route, status: response.statusCode });
        end({ route });
      });
      next();
    },
  };
}
