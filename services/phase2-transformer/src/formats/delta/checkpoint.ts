import type { AddFile, RemoveFile } from '@millrace/core/delta/actions.ts';
import { fileActions, type TableState } from '@millrace/core/delta/snapshot.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { encodeCheckpoint } from './checkpoint-file.ts';
import { checkpointKey, pointAtCheckpoint } from './checkpoint-pointer.ts';

/** A checkpoint is due after this many commits and this long since the last one, whichever is later. */
export const checkpointCommitsMin = 10n;
export const checkpointIntervalMs = 600_000;
/** How long a removed file's tombstone is kept, ms: Delta's default of `delta.deletedFileRetentionDuration`. */
const tombstoneRetentionMs = 7 * 24 * 3_600_000;

/** True when the table wants a checkpoint. Pure. `lastCheckpointAt` in ms; the table's creation when it has none. */
export function checkpointDue(version: bigint, checkpointVersion: bigint, lastCheckpointAt: number, now: number): boolean {
  return version - checkpointVersion >= checkpointCommitsMin && now - lastCheckpointAt >= checkpointIntervalMs;
}

/**
 * Writes the checkpoint of `state` and then points `_last_checkpoint` at it, unless that names a later one. Several writers at once are harmless, and so is
 * failing half way: the pointer is a hint, readers look behind the end of the log it leads to.
 * Idempotent. Memory grows with the table's file list, so it runs in a thread of its own.
 */
export async function writeCheckpoint(table: ObjectStore, state: TableState, now: number): Promise<void> {
  const adds: AddFile[] = [];
  const tombstones: RemoveFile[] = [];
  for await (const action of fileActions(table, state.version)) {
    if ('add' in action) adds.push(action.add);
    else if ((action.remove.deletionTimestamp ?? 0) > now - tombstoneRetentionMs) tombstones.push(action.remove);
  }
  const { bytes, rows } = encodeCheckpoint({ protocol: state.protocol, metadata: state.metadata, txns: state.txns, adds, tombstones });
  await table.put(checkpointKey(state.version), bytes);
  await pointAtCheckpoint(table, { version: state.version, size: rows, sizeInBytes: bytes.byteLength, numOfAddFiles: adds.length });
}
