import { z } from 'zod';

/** An error answer: RFC 9457, content type `application/problem+json`. */
export const problem = z
  .looseObject({
    type: z.string().meta({ description: 'Stable name of the kind of problem', example: 'urn:millrace:problem:invalid-dataset' }),
    title: z.string(),
    status: z.number().int(),
    detail: z.string().optional(),
    instance: z.string().optional(),
    errors: z
      .array(
        z.strictObject({
          pointer: z.string().meta({ description: 'JSON pointer (RFC 6901, as a URI fragment) into the request body', example: '#/name' }),
          detail: z.string(),
        }),
      )
      .optional()
      .meta({ description: 'One entry per error' }),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof problem>;

/** Media type of problems. */
export const problemType = 'application/problem+json';
