import type { Logger } from '@millrace/core/adapters/admin/logger.ts';
import { type Health, mountHealth } from '@millrace/core/adapters/admin/server.ts';
import { datasetName } from '@millrace/core/domain/dataset.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import express, { type ErrorRequestHandler, type Express, type RequestHandler, Router } from 'express';
import { type Problem, problemType } from '../api/problem.ts';
import type { MetadataStore } from '../store/store.ts';
import { notFound } from '../view/facts.ts';
import { bodyBytesMax } from './body.ts';
import { datasetRoutes } from './datasets.ts';
import { docsRoutes } from './docs.ts';
import { lossRoutes } from './losses.ts';
import { openApiDocument } from './openapi.ts';
import { ProblemError, problemOf } from './problems.ts';
import { reportRoutes } from './reports.ts';

/** Seconds after which a refused client may try again while the database is away. */
const retryAfterSeconds = 2;

/** The whole API: one router, under `/v1` and without it. */
export function metastoreApp(options: Health & { store: MetadataStore; observe: RequestHandler; log: Logger }): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.set('strict routing', false);
  const document = openApiDocument();
  const router = Router({ caseSensitive: true });
  mountHealth(router, options);
  router.use(
    docsRoutes(document),
    ...[datasetRoutes(options.store), lossRoutes(options.store), reportRoutes(options.store)].map(withDatasetNames),
  );
  app.use((_request, response, next) => {
    response.set('X-Content-Type-Options', 'nosniff');
    next();
  });
  app.use(options.observe);
  app.use('/v1', router);
  app.use('/', router);
  app.use(noRoute(document.paths));
  app.use(failed(options.log));
  return app;
}

/** A name no dataset can have is not found; the database never sees it (PostgreSQL refuses some of them, such as NUL). */
function withDatasetNames(router: Router): Router {
  router.param('name', (_request, _response, next, name: string) =>
    next(datasetName.safeParse(name).success ? undefined : notFound(JSON.stringify(name))),
  );
  return router;
}

/** 405 for a path of the API asked with another method, else 404. */
function noRoute(paths: Record<string, object>): RequestHandler {
  const known = Object.entries(paths).map(([path, item]) => ({
    pattern: new RegExp(`^${path.replace(/\{[a-z]+\}/g, '[^/]+').replace(/^\/v1/, '')}/?$`),
    methods: Object.keys(item).map((method) => method.toUpperCase()),
  }));
  return (request, response) => {
    const path = request.path.replace(/^\/v1(?=\/)/, '');
    const allowed = known.find(({ pattern }) => pattern.test(path))?.methods;
    if (allowed === undefined) throw new ProblemError(404, 'not-found', 'Not found', `there is nothing at ${request.path}; see /docs`);
    response.set('Allow', allowed.join(', '));
    throw new ProblemError(
      405,
      'method-not-allowed',
      'Method not allowed',
      `${request.method} is not possible here; ${allowed.join(', ')} is`,
    );
  };
}

/** The last handler: every error becomes a problem; surprises are logged whole and told in general words. */
function failed(log: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) return next(error);
    const problem = describe(error);
    if (problem.status >= 500 && problem.status !== 503)
      log.error({ err: error, method: request.method, path: request.path }, 'a request failed');
    else log.debug({ status: problem.status, detail: problem.detail, method: request.method, path: request.path }, 'a request was refused');
    if (problem.status === 503) response.set('Retry-After', String(retryAfterSeconds));
    response
      .status(problem.status)
      .set('Content-Type', problemType)
      .send(JSON.stringify({ ...problem, instance: request.originalUrl }));
  };
}

function describe(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  const known = error instanceof MillraceError ? problemOf(error) : undefined;
  if (known !== undefined) return known;
  const { status, type } = (typeof error === 'object' && error !== null ? error : {}) as { status?: number; type?: string };
  if (type === 'entity.too.large')
    return new ProblemError(413, 'too-large', 'The body is too large', `at most ${bodyBytesMax} bytes`).problem;
  if (status === 415)
    return new ProblemError(
      415,
      'unsupported-encoding',
      'Unsupported content encoding',
      'send the body as it is, or with gzip, deflate or br',
    ).problem;
  if (status !== undefined && status >= 400 && status < 500)
    return new ProblemError(status, 'bad-request', 'Bad request', 'the request cannot be read').problem;
  return new ProblemError(500, 'internal', 'Internal error', 'the request failed for a reason of ours; the log says more').problem;
}
