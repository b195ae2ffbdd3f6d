import { hash } from 'node:crypto';

/**
 * Ids of the trace and the root span of what was written under an attempt id: SHA-256 of its UTF-8 text, bytes 0 to 15 and 16 to 23, in lower-case hex. Pure.
 * So whoever reads a chain entry, or `commitInfo.txnId` of a table commit, can name its span, and the stored formats need no member for it.
 * @see docs/formats/chain.md, section 2
 */
export function traceIdsOf(attemptId: string): { traceId: string; spanId: string } {
  const digest = hash('sha256', attemptId);
  return { traceId: digest.slice(0, 32), spanId: digest.slice(32, 48) };
}
