import express, { type Request, type RequestHandler } from 'express';
import type { z } from 'zod';
import { bodyErrors, ProblemError } from './problems.ts';

/** Largest body of a person's request, bytes. */
export const bodyBytesMax = 1_048_576;
/** Largest report of a worker, bytes: thousands of partitions or columns. */
export const reportBytesMax = 32 * 1_048_576;

/** Reads a request's bytes up to a limit; larger ones are refused with 413 before they are read. */
export function readBytes(limit: number): RequestHandler {
  return express.raw({ type: () => true, limit });
}

/** The request's bytes, undefined when there are none. */
function bytesOf(request: Request): Buffer | undefined {
  const body: unknown = request.body;
  return Buffer.isBuffer(body) && body.length > 0 ? body : undefined;
}

/** True when the request carries a body. */
export function hasBody(request: Request): boolean {
  return bytesOf(request) !== undefined;
}

/**
 * The request's JSON.
 * @throws ProblemError 415 for another content type, 400 for bytes that are not JSON in UTF-8
 */
export function jsonBody(request: Request): unknown {
  const bytes = bytesOf(request);
  const type = request.headers['content-type'];
  if (bytes !== undefined && type !== undefined && !/^\s*application\/([a-z0-9.+-]+\+)?json\s*(;|$)/i.test(type))
    throw new ProblemError(415, 'not-json', 'Unsupported content type', `send Content-Type: application/json, not ${type}`, [
      { pointer: '#', detail: 'must be application/json' },
    ]);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes ?? new Uint8Array()));
  } catch (error) {
    const detail = bytes === undefined ? 'is empty' : error instanceof SyntaxError ? error.message : 'is not UTF-8';
    throw new ProblemError(400, 'malformed-json', 'The body is not JSON', 'the body is not one JSON text in UTF-8', [
      { pointer: '#', detail },
    ]);
  }
}

/**
 * The request's JSON by a schema.
 * @throws ProblemError 400 with one entry per error
 */
export function validBody<S extends z.ZodType>(schema: S, request: Request, what: string): z.output<S> {
  const json = jsonBody(request);
  const parsed = schema.safeDecode(json as never);
  if (parsed.success) return parsed.data;
  const errors = bodyErrors(parsed.error, json);
  throw new ProblemError(
    400,
    `invalid-${what}`,
    `The ${what.replaceAll('-', ' ')} is not valid`,
    errors.map((error) => `${error.pointer} ${error.detail}`).join('; '),
    errors,
  );
}
