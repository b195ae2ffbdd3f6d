import { randomUUID } from 'node:crypto';
import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import { reconciliation } from '../api/reconciliation.ts';
import { datasetStatus } from '../api/status.ts';
import type { MetadataStore } from '../store/store.ts';
import { pauseIntent, resumeIntent } from '../view/decide.ts';
import { type Facts, notFound } from '../view/facts.ts';
import { reconcile } from '../view/reconcile.ts';
import { shownState } from '../view/state.ts';
import { datasetStatus as statusOf } from '../view/status.ts';
import { bodyBytesMax, hasBody, readBytes, validBody } from './body.ts';
import { idempotency, who } from './caller.ts';
import { newDataset, notYet } from './dataset-rules.ts';
import { etag, requireMatch } from './etag.ts';
import { ProblemError } from './problems.ts';
import { validQuery } from './query.ts';

/** Datasets of one page, at most and by default. */
const pageSizeMax = 1_000;

/** Body of `PUT …/resume`; none at all is fine too. */
export const resumeBody = z.strictObject({ breaking: z.literal('quarantine').optional() }).meta({ id: 'Resume' });

/** Query of `GET /datasets`. */
export const listQuery = z.object({
  limit: z.coerce.number().int().min(1).max(pageSizeMax).default(pageSizeMax),
  after: z.string().max(200).default(''),
});

/** The routes people use. Base paths `/v1` and `/` carry the same router. */
export function datasetRoutes(store: MetadataStore): Router {
  const router = Router();
  const one = router.route('/datasets/:name');

  router
    .route('/datasets')
    .get(async (request, response) => {
      const { limit, after } = validQuery(listQuery, request);
      const all = await store.list(after, limit);
      const last = all.at(-1);
      if (last !== undefined && all.length === limit)
        response.set('Link', `</v1/datasets?limit=${limit}&after=${encodeURIComponent(last.dataset.name)}>; rel="next"`);
      response.json(all.map(shown));
    })
    .post(readBytes(bodyBytesMax), async (request, response) => {
      const input = validBody(newDataset, request, 'dataset');
      const missing = notYet(input);
      if (missing.length > 0) throw new ProblemError(422, 'not-yet', 'Not yet', missing.map((error) => error.detail).join('; '), missing);
      const { facts, replayed } = await store.create(input, who(request), idempotency(request));
      if (replayed) response.set('Idempotent-Replayed', 'true');
      response.location(`/v1/datasets/${facts.dataset.name}`);
      send(response.status(201), facts);
    });

  one
    .get(async (request, response) => {
      send(response, await existing(store, request.params.name));
    })
    .delete(async (request, response) => {
      await store.remove(request.params.name, who(request), (facts) => requireMatch(request.headers['if-match'], facts.dataset));
      response.status(204).end();
    });

  router.put('/datasets/:name/pause', readBytes(bodyBytesMax), async (request, response) => {
    const facts = await store.change(nameOf(request), 'pause', who(request), (now) => {
      requireMatch(request.headers['if-match'], now.dataset);
      return pauseIntent(now);
    });
    send(response.status(202), facts);
  });
  router.put('/datasets/:name/resume', readBytes(bodyBytesMax), async (request, response) => {
    const body = hasBody(request) ? validBody(resumeBody, request, 'resume') : {};
    const facts = await store.change(nameOf(request), 'resume', who(request), (now) => {
      requireMatch(request.headers['if-match'], now.dataset);
      return resumeIntent(now, body.breaking, { id: randomUUID(), now: Date.now() });
    });
    send(response.status(202), facts);
  });
  router.get('/datasets/:name/status', async (request, response) => {
    response.json(datasetStatus.encode(statusOf(await existing(store, request.params.name), Date.now())));
  });
  router.get('/datasets/:name/reconciliation', async (request, response) => {
    response.json(reconciliation.encode(reconcile(await existing(store, request.params.name))));
  });
  return router;
}

const nameOf = (request: Request) => String(request.params.name);

async function existing(store: MetadataStore, name: string): Promise<Facts> {
  const facts = await store.get(name);
  if (facts === undefined) throw notFound(name);
  return facts;
}

function shown(facts: Facts): Dataset {
  return { ...facts.dataset, state: shownState(facts, Date.now()).state };
}

/** Sends the dataset with its tag. */
function send(response: Response, facts: Facts): void {
  const body = shown(facts);
  response.set('ETag', etag(body)).set('Cache-Control', 'no-cache').json(body);
}
