import { rawObject } from '@millrace/core/domain/chain.ts';
import { gap, offsetText } from '@millrace/core/domain/offsets.ts';
import { z } from 'zod';

/*
 * What landing and a lone reader say to each other: one JSON text a line, on the reader's standard input and output.
 */

/** The first line: what to read from where, and where to put it. Holds the client's secrets, which is why it is no argument. */
export const loneOrder = z.strictObject({
  brokers: z.string(),
  properties: z.record(z.string(), z.string()),
  /** landing's own, to which its user has rights; it is never joined */
  groupId: z.string(),
  clientId: z.string(),
  rawUrl: z.string(),
  forcePathStyle: z.boolean(),
  topic: z.string(),
  partition: z.number().int(),
  offset: offsetText,
  leaderEpoch: z.number().int().nullable(),
  epoch: offsetText,
});
export type LoneOrder = z.infer<typeof loneOrder>;

/** Every further line asks for more: at most so many records, no more fetching beyond so many bytes of lines. */
export const loneRequest = z.strictObject({ recordsMax: z.number().int().min(1), readBytes: z.number().int().min(1) });

const timestamp = z.number().int().nullable();

export const loneAnswer = z.discriminatedUnion('status', [
  z.strictObject({
    status: z.literal('read'),
    plan: z.strictObject({
      startOffset: offsetText,
      endOffset: offsetText,
      leaderEpoch: z.number().int().nullable(),
      gaps: z.array(gap),
      object: z
        .strictObject({
          recordCount: z.number().int(),
          startOffset: offsetText,
          endOffset: offsetText,
          firstTimestamp: timestamp,
          lastTimestamp: timestamp,
          linesBytes: z.number().int(),
        })
        .nullable(),
    }),
    objects: z.array(rawObject),
    atEnd: z.boolean(),
  }),
  z.strictObject({ status: z.literal('nothing') }),
  z.strictObject({ status: z.literal('failed'), kind: z.string(), code: z.string(), message: z.string() }),
]);
