import { clusterAcceptance, clusterChange, gapAcceptance, lossKind } from '@millrace/core/domain/losses.ts';
import { offsetText } from '@millrace/core/domain/offsets.ts';
import { topicId } from '@millrace/core/domain/source.ts';
import { z } from 'zod';

const reason = z.string().trim().min(1).max(1_000).meta({ description: "The person's own words, kept in chain and audit" });
const by = z.string().max(200).optional().meta({ description: 'Who decides, as they name themselves' });
const offset = (what: string) =>
  z
    .string()
    .regex(/^(0|[1-9][0-9]{0,18})$/, 'must be an offset as a decimal string')
    .meta({ description: what, example: '1200' });

/** Body of `POST /v1/datasets/{name}/gaps`: exactly the range that is suspected. */
export const gapInput = z
  .strictObject({
    topicId: topicId.optional().meta({ description: 'By default the incarnation of the topic that exists now' }),
    partition: z.number().int().min(0).max(99_999),
    startOffset: offset('First offset of the suspected range'),
    endOffset: offset('Offset behind its last one'),
    reason,
    by,
  })
  .meta({ id: 'GapInput' });
export type GapInput = z.infer<typeof gapInput>;

/** Body of `POST /v1/datasets/{name}/clusters`. */
export const clusterInput = z
  .strictObject({
    clusterId: z.string().min(1).max(200).meta({ description: 'Id of the cluster the brokers are of now, as the status tells it' }),
    reason,
    by,
  })
  .meta({ id: 'ClusterInput' });
export type ClusterInput = z.infer<typeof clusterInput>;

/** A loss as status and lists show it. */
export const shownLoss = z
  .strictObject({
    topicId,
    partition: z.number().int().min(0),
    code: z.string(),
    kind: lossKind,
    startOffset: offsetText,
    endOffset: offsetText,
  })
  .meta({ id: 'SuspectedLoss' });

/** `GET /v1/datasets/{name}/gaps`. */
export const gapList = z
  .strictObject({
    suspected: z.array(shownLoss).meta({ description: 'Wait for a decision' }),
    accepted: z.array(
      gapAcceptance.extend({ done: z.boolean().meta({ description: 'Landing stands behind it; false: phase 1 has not acted on it yet' }) }),
    ),
  })
  .meta({ id: 'Gaps' });
export type GapList = z.infer<typeof gapList>;

/** `GET /v1/datasets/{name}/clusters`. */
export const clusterList = z
  .strictObject({ change: clusterChange.nullable(), accepted: z.array(clusterAcceptance) })
  .meta({ id: 'Clusters' });
export type ClusterList = z.infer<typeof clusterList>;

/** One row of `GET /v1/audit`: who changed what, and when. */
export const auditRow = z
  .strictObject({
    id: z.string().meta({ description: 'Rises; the cursor of the next page' }),
    at: z.string(),
    action: z.string(),
    dataset: z.string(),
    datasetId: z.string(),
    version: z.number().int().meta({ description: 'Version of the dataset after it' }),
    who: z.string().meta({ description: 'Address a request came from, or the worker that reported' }),
    detail: z.unknown(),
  })
  .meta({ id: 'AuditRow' });
export type AuditRow = z.infer<typeof auditRow>;
