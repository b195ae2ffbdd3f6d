import { checkpointRows } from '@millrace/core/delta/checkpoint-reader.ts';
import { padded } from '@millrace/core/domain/keys.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';

/** What `_last_checkpoint` says of a classic checkpoint. `size` is its actions, which are its rows. @see Delta protocol, "Last Checkpoint File" */
export type CheckpointHint = { version: bigint; size: number; sizeInBytes: number; numOfAddFiles?: number };

const pointerKey = '_delta_log/_last_checkpoint';

/** Key of a classic checkpoint. Pure. */
export const checkpointKey = (version: bigint) => `_delta_log/${padded(version, 20)}.checkpoint.parquet`;

/**
 * Points `_last_checkpoint` at a checkpoint that was just written, unless it names a later one. The pointer is a plain PUT, so another writer's older name may land
 * on ours: whoever writes looks behind itself for a later checkpoint, which was stored before its own writer came here, and points at that. When all writers have
 * ended, the pointer names the newest. One that dies half way, or whose PUT was held, leaves an older name: a hint that readers look behind.
 */
export async function pointAtCheckpoint(table: ObjectStore, written: CheckpointHint): Promise<void> {
  for (let hint: CheckpointHint | undefined = written; hint !== undefined; hint = await laterCheckpoint(table, hint.version)) {
    const pointer = await table.get(pointerKey);
    if (pointer !== undefined && pointedVersion(pointer) >= hint.version) return;
    await table.put(pointerKey, new TextEncoder().encode(JSON.stringify({ ...hint, version: Number(hint.version) })));
  }
}

/** The newest classic checkpoint after `version`. One LIST a thousand commits since. */
async function laterCheckpoint(table: ObjectStore, version: bigint): Promise<CheckpointHint | undefined> {
  let newest: bigint | undefined;
  for (let startAfter: string | undefined = `_delta_log/${padded(version + 1n, 20)}`; startAfter !== undefined; ) {
    const page = await table.list('_delta_log/', { startAfter });
    for (const { key, bytes } of page) {
      const match = /^_delta_log\/(\d{20})\.checkpoint\.parquet$/.exec(key);
      if (match !== null && bytes > 0) newest = BigInt(match[1] ?? '');
    }
    startAfter = page.length < 1000 ? undefined : page.at(-1)?.key;
  }
  const bytes = newest === undefined ? undefined : await table.get(checkpointKey(newest));
  return newest === undefined || bytes === undefined
    ? undefined
    : { version: newest, size: await checkpointRows(bytes), sizeInBytes: bytes.byteLength };
}

/** Version a pointer names; -1 when it cannot be read, so that a good one replaces it. Pure. */
function pointedVersion(bytes: Uint8Array): bigint {
  try {
    const { version } = JSON.parse(new TextDecoder().decode(bytes)) as { version?: unknown };
    return typeof version === 'number' ? BigInt(version) : -1n;
  } catch {
    return -1n;
  }
}
