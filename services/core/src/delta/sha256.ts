import { createHash } from 'node:crypto';

/** SHA-256 of stored bytes, lower-case hex as chain entries and ledgers write it. Pure. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
