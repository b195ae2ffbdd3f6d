import { offsetText } from '@millrace/core/domain/offsets.ts';
import { topicId } from '@millrace/core/domain/source.ts';
import { z } from 'zod';

const count = offsetText.meta({ description: 'Number of source offsets, as a decimal string', example: '200000' });
const counts = z.record(z.string(), count);

const terms = {
  committed: count.meta({ description: 'Offsets whose record is in the table' }),
  quarantined: counts.meta({ description: 'Set aside with a pointer into raw, by reason' }),
  dropped: counts.meta({ description: 'Dropped, by rule' }),
  gaps: counts.meta({ description: 'Offsets that never held a record for us, by cause (unproven ones included, as not_delivered)' }),
  unproven: count.meta({
    description: 'Of the gaps, those of cause not_delivered: the client cannot tell why; verify --against-kafka proves them empty',
  }),
  difference: offsetText
    .or(z.string().regex(/^-[1-9][0-9]*$/))
    .meta({ description: '(position − start) − committed − quarantined − dropped − gaps: must be 0' }),
  pending: count.meta({ description: 'Landed beyond the position' }),
};

/** `GET /v1/datasets/{name}/reconciliation`: the law of the newest table report, for each source partition and in total. */
export const reconciliation = z
  .strictObject({
    name: z.string(),
    tableVersion: offsetText.nullable(),
    schemaVersion: z.number().int().min(0),
    reportedAt: z.string().nullable().meta({ description: 'When a worker reported these numbers; null when none has' }),
    partitions: z.array(
      z.strictObject({
        topic: z.string(),
        topicId,
        partition: z.number().int().min(0),
        start: offsetText.meta({ description: 'Where the table begins on this chain' }),
        position: offsetText.meta({ description: 'Next offset the table needs' }),
        landed: offsetText.meta({ description: 'Next offset to land' }),
        ...terms,
      }),
    ),
    total: z.strictObject({ covered: count.meta({ description: 'Sum of position − start' }), ...terms }),
  })
  .meta({ id: 'Reconciliation' });
export type Reconciliation = z.infer<typeof reconciliation>;
