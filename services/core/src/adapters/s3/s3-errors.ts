import { describeError, type ErrorFields, MillraceError } from '../../domain/errors.ts';
import { printableKey } from '../../domain/object-key.ts';

/** What the SDK throws, as far as we look at it. */
type SdkError = Error & {
  Code?: string;
  code?: string;
  $metadata?: { httpStatusCode?: number };
  $response?: unknown;
};

/** Errors of a connection that never carried the request: certainly not applied. */
const neverSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_INVALID_URL',
]);

/** Errors of a connection that broke off, maybe in the middle of an answer whose status had come: what the store wanted to say is not known. */
const brokenOff = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE']);

const refusals: Record<string, [code: string, todo: string]> = {
  NoSuchBucket: ['bucket_missing', 'the bucket does not exist; create it or correct the URL'],
  PermanentRedirect: ['wrong_region', 'the bucket lies in another region; set AWS_REGION to it'],
  AuthorizationHeaderMalformed: ['wrong_region', 'the request was signed for another region; set AWS_REGION to the region of the bucket'],
  InvalidAccessKeyId: ['bad_credentials', 'the access key is not known there; correct AWS_ACCESS_KEY_ID'],
  XAdminUserNotFound: ['bad_credentials', 'the access key is not known there; correct AWS_ACCESS_KEY_ID'], // versitygw's word
  SignatureDoesNotMatch: ['bad_credentials', 'the secret key is wrong; correct AWS_SECRET_ACCESS_KEY'],
  ExpiredToken: ['bad_credentials', 'the session token has expired; renew AWS_SESSION_TOKEN'],
  InvalidToken: ['bad_credentials', 'the session token is wrong; correct AWS_SESSION_TOKEN'],
  RequestTimeTooSkewed: ['clock_skew', 'the clock of this machine is more than 15 minutes off; correct it'],
  CredentialsProviderError: ['no_credentials', 'no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role'],
  NotImplemented: ['condition_unsupported', 'the store does not offer what was asked (conditional puts are needed); use another store'],
  InvalidBucketName: ['bucket_missing', 'that is not the name of a bucket; correct the URL'],
};

const throttles = new Set([
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
  'RequestTimeout',
  'InternalError',
  'ServiceUnavailable',
  'OperationAborted',
]);

/** HTTP status of an SDK error, 0 when there was no answer. Pure. */
export function statusOf(error: unknown): number {
  return (error as SdkError | null)?.$metadata?.httpStatusCode ?? 0;
}

/** S3's own word for the error, or Node's for a connection. Pure. */
export function codeOf(error: unknown): string {
  const e = error as SdkError | null;
  return (
    e?.Code ??
    (e?.name !== undefined && e.name !== 'Error' && e.name !== 'S3ServiceException' && e.name !== 'UnknownError' ? e.name : undefined) ??
    e?.code ??
    ''
  );
}

/** Where and what, for messages: no secrets. */
export type S3Request = {
  doing: string;
  url: string;
  endpoint: string;
  key: string;
  conditional: boolean;
  timedOut: boolean;
  stopped: boolean;
};

/**
 * The SDK's errors as ours. Pure. Refusals (400, 401, 403, 404 of the bucket, 301, 501) are `invalid` and say what to do;
 * everything else (no answer, an answer that broke off, 5xx, throttled) is `unavailable`, on a conditional put with `fields.outcome` `unknown`
 * unless the request certainly never left.
 */
export function s3Error(request: S3Request, error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  const status = statusOf(error);
  const word = codeOf(error);
  const osCode = (error as SdkError | null)?.code ?? '';
  const key = printableKey(request.key);
  const where = `${request.doing} ${request.url}${key === '' ? '' : ` (${key})`} at ${request.endpoint}`;
  const fields: ErrorFields = {
    url: request.url,
    key,
    endpoint: request.endpoint,
    status,
    s3Code: word,
  };

  const refusal = refusals[word] ?? (brokenOff.has(osCode) ? undefined : refusalByStatus(status, word));
  if (refusal !== undefined && !throttles.has(word)) {
    const [code, todo] = refusal;
    const said = describeError(error);
    return new MillraceError(
      'invalid',
      code,
      `${where}: ${todo} (${status === 0 ? '' : `${status} `}${word}${said === word ? '' : `: ${said}`})`,
      fields,
      error,
    );
  }
  const outcome: ErrorFields = request.conditional ? { outcome: neverSent.has(osCode) ? 'not_applied' : 'unknown' } : {};
  if (request.stopped) return new MillraceError('unavailable', 'aborted', `${where}: stopped`, { ...fields, ...outcome }, error);
  if (request.timedOut)
    return new MillraceError('unavailable', 'store_timeout', `${where}: no answer in time`, { ...fields, ...outcome }, error);
  const said = connectionText(error) || word || 'no answer';
  return new MillraceError(
    'unavailable',
    'store_unavailable',
    `${where}: ${status === 0 ? '' : `${status} `}${said}`,
    { ...fields, ...outcome },
    error,
  );
}

function refusalByStatus(status: number, word: string): [string, string] | undefined {
  if (status === 401 || status === 403)
    return [
      'no_permission',
      'refused; check the credentials and their rights (s3:PutObject, s3:GetObject, and s3:ListBucket, without which a missing key is also answered by 403)',
    ];
  if (status === 301 || status === 307) return refusals.PermanentRedirect;
  if (status === 501) return refusals.NotImplemented;
  if (status === 400 || status === 404 || status === 405 || status === 411 || status === 413)
    return [
      'refused',
      `the store refused the request${word === '' ? '' : ` as ${word}`}; check the URL, the endpoint and MILLRACE_S3_FORCE_PATH_STYLE`,
    ];
  return undefined;
}

/** Node's AggregateError (one per address of a host) has an empty message: take the first one's. */
function connectionText(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return describeError(error.errors[0]);
  return describeError(error);
}
