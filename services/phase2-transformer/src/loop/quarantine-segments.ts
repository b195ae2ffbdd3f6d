import { readQuarantineSegment } from '@millrace/core/delta/ledger-reader.ts';
import { sha256Hex } from '@millrace/core/delta/sha256.ts';
import { encodeStored } from '@millrace/core/domain/chain.ts';
import { quarantineSegmentKey } from '@millrace/core/domain/keys.ts';
import { ledgerFormat, type QuarantinePointer, type QuarantineSegmentRef, quarantineSegment } from '@millrace/core/domain/ledger.ts';
import type { Random } from '@millrace/core/ports/clock.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';

/** The open set a ledger may name; beyond it the smallest segments are merged. */
const segmentsMax = 1000;
/** Segments merged at once, so that merging happens every so many commits only. */
const mergedAtOnce = 100;
/** Pointers in one segment written for one batch: bounds its size (about 400 bytes each). */
const pointersPerSegmentMax = 10_000;
/** Bytes of the segments that are merged into one: bounds the memory of merging, and the whole open set. */
export const mergedBytesMax = 8 * 1024 ** 2;

type Deps = { table: ObjectStore; random: Random };

/** Writes a batch's pointers as segments under new names. Nothing sees them until a ledger names them. */
export async function writeSegments(deps: Deps, pointers: readonly QuarantinePointer[]): Promise<QuarantineSegmentRef[]> {
  const refs: QuarantineSegmentRef[] = [];
  for (let start = 0; start < pointers.length; start += pointersPerSegmentMax)
    refs.push(await writeSegment(deps, pointers.slice(start, start + pointersPerSegmentMax)));
  return refs;
}

async function writeSegment({ table, random }: Deps, pointers: QuarantinePointer[]): Promise<QuarantineSegmentRef> {
  const key = quarantineSegmentKey(random.ulid());
  const bytes = encodeStored(quarantineSegment, { format: ledgerFormat, pointers });
  await table.put(key, bytes);
  return {
    key,
    sha256: sha256Hex(bytes),
    bytes: bytes.byteLength,
    records: pointers.reduce((sum, pointer) => sum + BigInt(pointer.records), 0n),
  };
}

/**
 * The open set a ledger names: `refs` as they are, or with the smallest merged until at most 1,000 are left, so that merging costs each pointer a few rewrites and not one a commit.
 * The merged ones stay in the store: an older ledger names them.
 * @returns undefined when no two of more than 1,000 are small enough to be merged: a ledger cannot name so many set-aside records
 */
export async function openSegments(deps: Deps, refs: readonly QuarantineSegmentRef[]): Promise<QuarantineSegmentRef[] | undefined> {
  let open = [...refs];
  while (open.length > segmentsMax) {
    const smallest = smallestSegments(open);
    if (smallest.size < 2) return undefined;
    const pointers: QuarantinePointer[] = [];
    for (const ref of smallest) pointers.push(...(await readQuarantineSegment(deps.table, ref)));
    open = [...open.filter((ref) => !smallest.has(ref)), await writeSegment(deps, pointers)];
  }
  return open;
}

/** What is merged next: the smallest, as many as one segment may hold. Pure. */
function smallestSegments(open: readonly QuarantineSegmentRef[]): Set<QuarantineSegmentRef> {
  const smallest = new Set<QuarantineSegmentRef>();
  let bytes = 0;
  for (const ref of [...open].sort((a, b) => a.bytes - b.bytes).slice(0, mergedAtOnce)) {
    bytes += ref.bytes;
    if (bytes > mergedBytesMax) break;
    smallest.add(ref);
  }
  return smallest;
}
