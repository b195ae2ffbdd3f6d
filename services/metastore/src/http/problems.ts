import { isKind, type MillraceError } from '@millrace/core/domain/errors.ts';
import type { z } from 'zod';
import type { Problem } from '../api/problem.ts';

/** One error of a request body: JSON pointer as a URI fragment, as RFC 9457 shows it, and words. */
export type BodyError = { pointer: string; detail: string };

/** An answer that is not what was asked for; thrown by routes, sent by the last handler. */
export class ProblemError extends Error {
  readonly problem: Problem;
  constructor(status: number, code: string, title: string, detail: string, errors?: BodyError[]) {
    super(detail);
    this.problem = { type: `urn:millrace:problem:${code}`, title, status, detail, ...(errors === undefined ? {} : { errors }) };
  }
}

/** RFC 6901 pointer of a path, as a URI fragment: `#` for the whole body, `#/a~1b` for member `a/b`. Pure. */
export function pointer(path: readonly PropertyKey[]): string {
  const tokens = path.map((part) => encodeToken(String(part).replaceAll('~', '~0').replaceAll('/', '~1')));
  return tokens.length === 0 ? '#' : `#/${tokens.join('/')}`;
}

/** Percent-encodes what a URI fragment may not hold; a lone surrogate, which has no UTF-8, becomes U+FFFD. */
function encodeToken(token: string): string {
  return encodeURIComponent(token.toWellFormed()).replace(/%(?:24|26|2B|2C|3A|3B|3D|40|28|29)/g, decodeURIComponent);
}

/** Errors told of one body: a hostile one could have as many as it has bytes. */
const errorsMax = 100;

/** Every error of a body a schema refused, up to 100: unknown members one by one, missing ones by name. Pure. */
export function bodyErrors(error: z.ZodError, body: unknown): BodyError[] {
  const all = error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ pointer: pointer([...issue.path, key]), detail: 'is not a known member' }));
    if (issue.code === 'invalid_type' && at(body, issue.path) === undefined && issue.path.length > 0)
      return [{ pointer: pointer(issue.path), detail: 'is required' }];
    return [{ pointer: pointer(issue.path), detail: issue.message }];
  });
  return all.slice(0, errorsMax);
}

function at(body: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, part) ? (value as Record<PropertyKey, unknown>)[part] : undefined,
    body,
  );
}

/** Status and title by error code; other codes go by kind. */
const byCode: Readonly<Record<string, { status: number; title: string }>> = {
  not_found: { status: 404, title: 'Not found' },
  dataset_exists: { status: 409, title: 'The name is taken' },
  no_schema_block: { status: 409, title: 'Nothing is blocked by a schema' },
  no_loss_suspected: { status: 409, title: 'No loss is suspected there' },
  other_range_suspected: { status: 409, title: 'Another range is suspected' },
  no_cluster_change: { status: 409, title: 'The cluster has not changed' },
  other_cluster_found: { status: 409, title: 'The brokers are of another cluster' },
  too_many_decisions: { status: 409, title: 'Too many decisions' },
  idempotency_key_reused: { status: 422, title: 'The key was used with another request' },
  precondition_failed: { status: 412, title: 'The dataset has changed' },
};

/** An error of ours as a problem; undefined for surprises, which are not told to strangers. Pure. */
export function problemOf(error: MillraceError): Problem | undefined {
  const known = byCode[error.code];
  const type = `urn:millrace:problem:${error.code.replaceAll('_', '-')}`;
  if (known !== undefined) return { type, ...known, detail: error.message };
  if (isKind(error, 'unavailable')) return { type, title: 'Not available now', status: 503, detail: error.message };
  return undefined;
}
