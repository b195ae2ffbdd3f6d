import type { PlainRecord } from './record-hash.ts';

export function* recordsOf(_lines: Uint8Array): Generator<PlainRecord & { offset: bigint }> {
  throw new Error('not yet');
}
