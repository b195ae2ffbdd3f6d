import { MillraceError } from '@millrace/core/domain/errors.ts';
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import type { z } from 'zod';
import { problem } from '../api/problem.ts';

/** Deadline of one call with all its attempts, ms. */
const callTimeoutMs = 5_000;
/** Attempts after the first, for calls that may be repeated. */
const retriesMax = 2;
/** Answers larger than this are not ours, bytes. */
const answerBytesMax = 64 * 2 ** 20;

export type Call = {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** below the metastore's URL, beginning with `/` */
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  /** may be sent again when nobody knows whether it arrived */
  idempotent: boolean;
  signal?: AbortSignal | undefined;
};

/** A 2xx answer: its JSON (undefined when there is no body) and its headers. */
export type Answer = { json: unknown; headers: Headers };

/**
 * Sends one call to the metastore within its own deadline; idempotent ones are repeated a bounded number of times while the metastore is away.
 * Every write carries an `Idempotency-Key`, the same in all its attempts: one that arrives twice is carried out once.
 * @throws kind `unavailable` (away, timeout, 5xx), `conflict` (409, 412), `invalid` (other 4xx; code `not_found` for 404)
 */
export async function send(baseUrl: string, asked: Call): Promise<Answer> {
  const key: Record<string, string> = asked.method === 'GET' ? {} : { 'idempotency-key': crypto.randomUUID() };
  const call = { ...asked, headers: { ...key, ...asked.headers } };
  const deadline = AbortSignal.timeout(callTimeoutMs);
  const signal = call.signal === undefined ? deadline : AbortSignal.any([deadline, call.signal]);
  if (!call.idempotent) return await sendOnce(baseUrl, call, signal);
  const policy = retry(
    handleWhen((error) => error instanceof MillraceError && error.kind === 'unavailable' && !signal.aborted),
    { maxAttempts: retriesMax, backoff: new ExponentialBackoff({ initialDelay: 100, maxDelay: 1_000 }) },
  );
  return await policy.execute(() => sendOnce(baseUrl, call, signal), signal);
}

async function sendOnce(baseUrl: string, call: Call, signal: AbortSignal): Promise<Answer> {
  const where = `metastore ${printableUrl(baseUrl)}`;
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${baseUrl}${call.path}`, {
      method: call.method,
      headers: { accept: 'application/json', ...(call.body === undefined ? {} : { 'content-type': 'application/json' }), ...call.headers },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      redirect: 'error',
      signal,
    });
    if (Number(response.headers.get('content-length') ?? 0) > answerBytesMax)
      throw new Error(`answer is larger than ${answerBytesMax} bytes`);
    text = await response.text();
  } catch (cause) {
    const late = signal.aborted && call.signal?.aborted !== true;
    throw new MillraceError(
      'unavailable',
      'metastore_away',
      late ? `${where} did not answer within ${callTimeoutMs} ms` : `${where} is away`,
      { path: call.path },
      cause,
    );
  }
  if (response.ok) return { json: parseAnswer(text, where, call.path), headers: response.headers };
  throw problemError(response.status, text, where, call.path);
}

function parseAnswer(text: string, where: string, path: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MillraceError(
      'unavailable',
      'metastore_unreadable',
      `${where} answered something that is not JSON: is MILLRACE_METASTORE_URL right?`,
      { path },
      cause,
    );
  }
}

/** What a problem answer means to a caller. Pure. */
export function problemError(status: number, text: string, where: string, path: string): MillraceError {
  const parsed = problem.safeParse(tryJson(text));
  const words = parsed.success ? problemWords(parsed.data) : `status ${status}`;
  const fields = { status, path };
  if (status >= 500 || status === 408 || status === 429)
    return new MillraceError('unavailable', 'metastore_failed', `${where}: ${words}`, fields);
  if (status === 409 || status === 412) return new MillraceError('conflict', 'metastore_conflict', words, fields);
  if (status === 404) return new MillraceError('invalid', 'not_found', words, fields);
  return new MillraceError('invalid', 'metastore_refused', words, fields);
}

/** Each reason once: `detail` may name the errors already. Pure. */
function problemWords({ title, detail, errors = [] }: z.infer<typeof problem>): string {
  const said = detail ?? title;
  const reasons = errors.map((error) => `${error.pointer} ${error.detail}`).filter((reason) => !said.includes(reason));
  return [said, ...reasons].join('; ');
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An URL without user and password. Pure. */
export function printableUrl(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//');
}

/**
 * Reads an answer by its schema. Pure.
 * @throws kind `unavailable`, code `metastore_unreadable`: a metastore of another version, or something else at that address
 */
export function readAnswer<S extends z.ZodType>(schema: S, json: unknown, what: string): z.output<S> {
  const parsed = schema.safeDecode(json as never);
  if (!parsed.success)
    throw new MillraceError(
      'unavailable',
      'metastore_unreadable',
      `the metastore's ${what} is not what this version expects: ${parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; ')}`,
    );
  return parsed.data;
}
