import { type DatasetState, datasetStates } from '@millrace/core/domain/dataset.ts';
import type { RequestHandler } from 'express';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What the metastore measures, in a registry. */
export type MetastoreMetrics = {
  observe: RequestHandler;
  databaseUp(up: boolean): void;
  /** datasets that live, by their state */
  datasets(counts: ReadonlyMap<DatasetState, number>): void;
};

/** Methods told apart; anything else a stranger sends counts as OTHER, so that the number of series stays bounded. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE']);

/** The paths of an OpenAPI document with their methods and answers; the API's prefix is left out, as routes do. */
export type DocumentedPaths = Readonly<Record<string, Readonly<Record<string, { responses?: object }>>>>;

/**
 * Registers the metastore's metrics, with zeros for all that is known from the start.
 * @param paths of the API document: the answers it names are shown before the first request
 */
export function createMetrics(registry: Registry, paths: DocumentedPaths = {}): MetastoreMetrics {
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
  const datasets = new Gauge({
    name: 'millrace_datasets',
    help: 'Datasets by the state the API shows; of before, while the database is away',
    labelNames: ['state'],
    registers: [registry],
  });
  up.set(0);
  for (const state of datasetStates) datasets.set({ state }, 0);
  for (const [path, operations] of Object.entries(paths)) {
    const route = path.replace(/^\/v1(?=\/)/, '').replace(/\{(\w+)\}/g, ':$1');
    seconds.zero({ route });
    for (const [method, { responses }] of Object.entries(operations))
      for (const status of Object.keys(responses ?? {})) requests.inc({ method: method.toUpperCase(), route, status }, 0);
  }
  return {
    databaseUp: (value) => up.set(value ? 1 : 0),
    datasets: (counts) => {
      for (const state of datasetStates) datasets.set({ state }, counts.get(state) ?? 0);
    },
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
