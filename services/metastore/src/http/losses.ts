import { randomUUID } from 'node:crypto';
import type { Acceptance } from '@millrace/core/domain/losses.ts';
import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import { auditRow, clusterInput, clusterList, gapInput, gapList } from '../api/losses.ts';
import type { AcceptAction, MetadataStore } from '../store/store.ts';
import { type Facts, notFound } from '../view/facts.ts';
import { type Accepted, acceptCluster, acceptGap, type Decided, clusterList as listClusters, gapList as listGaps } from '../view/losses.ts';
import { bodyBytesMax, readBytes, validBody } from './body.ts';
import { idempotency, who } from './caller.ts';
import { validQuery } from './query.ts';

/** Audit rows of one page, at most and by default. */
const auditPageMax = 1_000;

/** Query of `GET /audit`. */
export const auditQuery = z.object({
  dataset: z.string().max(200).optional().meta({ description: 'Only of datasets of this name, deleted ones too' }),
  limit: z.coerce.number().int().min(1).max(auditPageMax).default(auditPageMax),
  after: z
    .string()
    .regex(/^[0-9]{1,18}$/)
    .default('0')
    .meta({ description: 'Rows with a higher id, as in the Link header' }),
});

/** Losses and clusters that people decide about, and the trail of who decided what. */
export function lossRoutes(store: MetadataStore): Router {
  const router = Router();
  router
    .route('/datasets/:name/gaps')
    .get(async (request, response) => {
      response.json(gapList.encode(listGaps(await existing(store, request))));
    })
    .post(readBytes(bodyBytesMax), async (request, response) => {
      const input = validBody(gapInput, request, 'gap');
      await accept(store, request, response, 'accept_gap', (facts, decided) => acceptGap(facts, input, decided));
    });
  router
    .route('/datasets/:name/clusters')
    .get(async (request, response) => {
      response.json(clusterList.encode(listClusters(await existing(store, request))));
    })
    .post(readBytes(bodyBytesMax), async (request, response) => {
      const input = validBody(clusterInput, request, 'cluster');
      await accept(store, request, response, 'accept_cluster', (facts, decided) => acceptCluster(facts, input, decided));
    });
  router.get('/audit', async (request, response) => {
    const { dataset, limit, after } = validQuery(auditQuery, request);
    const rows = await store.audit({ dataset, after, limit });
    const last = rows.at(-1);
    if (last !== undefined && rows.length === limit) {
      const of = dataset === undefined ? '' : `&dataset=${encodeURIComponent(dataset)}`;
      response.set('Link', `</v1/audit?limit=${limit}&after=${last.id}${of}>; rel="next"`);
    }
    response.json(z.array(auditRow).encode(rows));
  });
  return router;
}

/** 201 with the decision; 200 when it stood there already. */
async function accept<A extends Acceptance>(
  store: MetadataStore,
  request: Request,
  response: Response,
  action: AcceptAction,
  decide: (facts: Facts, decided: Decided) => Accepted<A>,
): Promise<void> {
  const key = idempotency(request, `${action} ${String(request.params.name)} `);
  const decided = { id: randomUUID(), now: Date.now() };
  const { acceptance, made, replayed } = await store.accept(String(request.params.name), action, who(request), key, (facts) =>
    decide(facts, decided),
  );
  if (replayed) response.set('Idempotent-Replayed', 'true');
  response.status(made || replayed ? 201 : 200).json(acceptance);
}

async function existing(store: MetadataStore, request: Request): Promise<Facts> {
  const name = String(request.params.name);
  const facts = await store.get(name);
  if (facts === undefined) throw notFound(name);
  return facts;
}
