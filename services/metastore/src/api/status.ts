import { datasetState } from '@millrace/core/domain/dataset.ts';
import { clusterChange, heldBack, suspectedLoss } from '@millrace/core/domain/losses.ts';
import { offsetText } from '@millrace/core/domain/offsets.ts';
import { topicId } from '@millrace/core/domain/source.ts';
import { z } from 'zod';

/** Offsets as the API shows them: decimal strings, so that no reader rounds them. */
const next = (what: string) => offsetText.meta({ description: `${what}: the next offset, as a decimal string`, example: '1200' });

/** `GET /v1/datasets/{name}/status`. */
export const datasetStatus = z
  .strictObject({
    name: z.string(),
    state: datasetState,
    reason: z.string().nullable().meta({ description: 'Why it is not simply running; null when all is well' }),
    partitions: z.array(
      z.strictObject({
        topicId,
        partition: z.number().int().min(0),
        landed: next('Landed in the raw zone'),
        committed: next('Accounted for in the table'),
        end: next("Kafka's last stable offset").nullable(),
        lagRecords: z.number().int().min(0).nullable().meta({ description: 'end − committed, in offsets; null while end is unknown' }),
        loss: suspectedLoss.optional().meta({ description: 'Records are missing and a person has to decide: the exact range' }),
        heldBack: heldBack
          .optional()
          .meta({ description: 'A transaction open for long: offsets Kafka gives to no read-committed reader; not counted in lagRecords' }),
      }),
    ),
    lagSeconds: z.number().min(0).nullable().meta({
      description:
        'Seconds since the newest record time up to which everything is in the table: never less than what waits has waited, and more after a rest without records; 0 when nothing is pending; null when unknown',
    }),
    lastCommit: z
      .strictObject({ version: offsetText, at: z.string(), records: offsetText, attemptId: z.string() })
      .nullable()
      .meta({ description: 'Newest commit of the table by the reporting worker' }),
    landingSilentSince: z.string().optional().meta({
      description:
        'No phase-1 worker has told where Kafka ends since then: `end` is of that moment, and Kafka may have gone on. Left out while they report, and for 15 s after',
    }),
    clusterChange: clusterChange
      .optional()
      .meta({ description: 'The brokers are of a cluster that the chains do not know: nothing is landed' }),
    nextAction: z.string().nullable().meta({ description: 'What a person can do; null when nothing' }),
  })
  .meta({ id: 'DatasetStatus' });
export type DatasetStatus = z.infer<typeof datasetStatus>;
