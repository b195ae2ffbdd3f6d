import type { Request } from 'express';
import type { z } from 'zod';
import { ProblemError } from './problems.ts';

/**
 * The request's query by a schema.
 * @throws ProblemError 400 naming every member that is wrong
 */
export function validQuery<S extends z.ZodType>(schema: S, request: Request): z.output<S> {
  const query = schema.safeParse(request.query);
  if (query.success) return query.data;
  throw new ProblemError(
    400,
    'invalid-query',
    'The query is not valid',
    query.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '),
  );
}
