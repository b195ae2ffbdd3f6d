import type { SchemaVersionRecord } from '@millrace/core/domain/reports.ts';
import type { SchemaChange } from '../infer/schema-change.ts';
import { batchRanges } from '../plan/batches.ts';
import type { ChainPiece } from '../plan/pieces.ts';

/** A schema version as the metastore stores it, bound to the offsets of the batch that brought it. Pure. */
export function schemaRecord(
  version: number,
  state: SchemaVersionRecord['state'],
  change: SchemaChange,
  pieces: readonly ChainPiece[],
  reason: string | null,
  now: number,
): SchemaVersionRecord {
  return {
    version,
    kind: change.kind,
    state,
    schema: change.newSchema,
    diff: change.diff.map(({ path, from, to, firstOffset }) => ({ path, from, to, first: firstOffset ?? null })),
    ranges: Object.fromEntries(batchRanges(pieces)),
    reason,
    createdAt: new Date(now).toISOString(),
  };
}
