import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { zstdDecompress, zstdDecompressSync } from 'node:zlib';
import { checkFollows, readEntry } from '@millrace/core/chain/entries.ts';
import type { ChainEntry, RawObject } from '@millrace/core/domain/chain.ts';
import { describeError, isKind } from '@millrace/core/domain/errors.ts';
import { chainEntryKey, chainPrefix } from '@millrace/core/domain/keys.ts';
import type { OffsetRange } from '@millrace/core/domain/offsets.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import type { CoverageFault, RawRun } from './coverage.ts';
import { checkScan, layEntry, scanRawLines } from './raw-object.ts';

const decompress = promisify(zstdDecompress);
/** Below this many bytes of lines a trip to another thread costs more than the work. */
const smallLinesBytes = 64 * 1024;

/** What a walk along one chain saw. Filled while it goes on. */
export type ChainSeen = {
  entries: bigint;
  /** first offset and next offset after the last entry; undefined while there is no entry */
  startOffset: bigint | undefined;
  endOffset: bigint;
  lastEpoch: bigint;
  objects: number;
  records: bigint;
  /** stored bytes and bytes of lines of all raw objects read */
  bytes: bigint;
  linesBytes: bigint;
};

export const nothingSeen = (): ChainSeen => ({
  entries: 0n,
  startOffset: undefined,
  endOffset: 0n,
  lastEpoch: 0n,
  objects: 0,
  records: 0n,
  bytes: 0n,
  linesBytes: 0n,
});

/**
 * Entries of a chain from seq 0 to its end. Each is held against the law of the chain; what is broken is told to `fault` and walked over,
 * so that one broken link does not hide the next. An entry that is missing while later ones exist, or that cannot be read, ends the walk.
 */
export async function* walkEntries(
  raw: ObjectStore,
  topic: string,
  source: SourcePartition,
  fault: (fault: CoverageFault) => void,
): AsyncGenerator<ChainEntry> {
  let previous: ChainEntry | undefined;
  for (let seq = 0n; ; seq++) {
    const at = previous?.endOffset ?? 0n;
    let entry: ChainEntry | undefined;
    try {
      entry = await readEntry(raw, topic, source, seq);
    } catch (error) {
      if (!isKind(error, 'corrupt')) throw error;
      fault({ code: 'chain_entry_unreadable', range: { startOffset: at, endOffset: at }, detail: describeError(error) });
      return;
    }
    if (entry === undefined) {
      const later = await laterEntry(raw, topic, source, seq);
      if (later === undefined) return;
      // it may have been written since; then the walk goes on
      entry = await readEntry(raw, topic, source, seq);
      if (entry === undefined) {
        fault({
          code: 'chain_entry_missing',
          range: { startOffset: at, endOffset: at },
          detail: `${chainEntryKey(topic, source, seq)} is not there, but ${later} is`,
        });
        return;
      }
    }
    try {
      checkFollows(previous, entry);
    } catch (error) {
      if (!isKind(error, 'corrupt')) throw error;
      fault({ code: error.code, range: { startOffset: entry.startOffset, endOffset: entry.endOffset }, detail: error.message });
    }
    yield entry;
    previous = entry;
  }
}

async function laterEntry(raw: ObjectStore, topic: string, source: SourcePartition, seq: bigint): Promise<string | undefined> {
  const prefix = chainPrefix(topic, source);
  const [later] = await raw.list(prefix, { startAfter: chainEntryKey(topic, source, seq), limit: 1 });
  // series of their own lie in folders beside the entries
  return later !== undefined && /^[0-9]{20}\.json$/.test(later.key.slice(prefix.length)) ? later.key : undefined;
}

/**
 * The lines of a raw object, after its size and SHA-256 were compared with the chain; undefined when they cannot be had, which `fault` is told.
 * Memory: one raw object.
 */
export async function readLines(
  raw: ObjectStore,
  object: RawObject,
  fault: (fault: CoverageFault) => void,
): Promise<Uint8Array | undefined> {
  const range: OffsetRange = { startOffset: object.startOffset, endOffset: object.endOffset };
  const stored = await raw.get(object.key);
  if (stored === undefined) {
    fault({ code: 'raw_object_missing', range, detail: `${object.key} is in the chain but is not there` });
    return undefined;
  }
  const sha256 = createHash('sha256').update(stored).digest('hex');
  if (sha256 !== object.sha256 || stored.byteLength !== object.bytes) {
    fault({
      code: 'raw_object_changed',
      range,
      detail: `${object.key} has ${stored.byteLength} bytes and SHA-256 ${sha256}, the chain says ${object.bytes} and ${object.sha256}`,
    });
    return undefined;
  }
  try {
    const bounds = { maxOutputLength: object.linesBytes + 1 };
    return object.linesBytes <= smallLinesBytes ? zstdDecompressSync(stored, bounds) : await decompress(stored, bounds);
  } catch (error) {
    fault({ code: 'raw_object_unreadable', range, detail: `${object.key}: ${describeError(error)}` });
    return undefined;
  }
}

/**
 * Everything one chain says and its raw objects hold, as runs in offset order. Every object is read and hashed.
 * @param seen filled while the walk goes on
 * @param look shown every entry
 */
export async function* walkChain(
  raw: ObjectStore,
  topic: string,
  source: SourcePartition,
  seen: ChainSeen,
  fault: (fault: CoverageFault) => void,
  look: (entry: ChainEntry) => void,
): AsyncGenerator<RawRun> {
  for await (const entry of walkEntries(raw, topic, source, fault)) {
    look(entry);
    seen.entries++;
    seen.startOffset ??= entry.startOffset;
    seen.endOffset = entry.endOffset;
    seen.lastEpoch = entry.epoch;
    if (entry.kind === 'gap')
      for (const gap of entry.gaps) yield { kind: 'gap', startOffset: gap.startOffset, endOffset: gap.endOffset, cause: gap.cause };
    if (entry.kind !== 'data') continue;
    const runs: RawRun[] = [];
    const skipped: OffsetRange[] = [];
    for (const object of entry.objects) {
      const lines = await readLines(raw, object, fault);
      if (lines === undefined) {
        skipped.push(object);
        continue;
      }
      try {
        const scan = scanRawLines(lines, object.key);
        checkScan(scan, object).forEach(fault);
        runs.push(...scan.runs);
        seen.objects++;
        seen.records += BigInt(scan.recordCount);
        seen.bytes += BigInt(object.bytes);
        seen.linesBytes += BigInt(scan.linesBytes);
      } catch (error) {
        fault({
          code: 'raw_object_unreadable',
          range: { startOffset: object.startOffset, endOffset: object.endOffset },
          detail: describeError(error),
        });
        skipped.push(object);
      }
    }
    const laid = layEntry(entry, runs, skipped);
    laid.faults.forEach(fault);
    yield* laid.runs;
  }
}
