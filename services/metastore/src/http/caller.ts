import { createHash } from 'node:crypto';
import type { Request } from 'express';
import type { Idempotency, Who } from '../store/store.ts';

/** Where a request came from, for the audit. */
export function who(request: Request): Who {
  return { remote: request.socket.remoteAddress ?? 'unknown' };
}

/**
 * The request's Idempotency-Key, if it has one.
 * @param scope what else belongs to the request besides its body, e.g. the place it was sent to
 */
export function idempotency(request: Request, scope = ''): Idempotency | undefined {
  const key = request.get('idempotency-key');
  if (key === undefined || key === '') return undefined;
  const hash = (...data: (string | Buffer)[]) => data.reduce((sum, part) => sum.update(part), createHash('sha256')).digest('hex');
  return { keyHash: hash(key), requestHash: hash(scope, request.body as Buffer) };
}
