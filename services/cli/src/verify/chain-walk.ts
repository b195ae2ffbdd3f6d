import type { ChainEntry, RawObject } from '@millrace/core/domain/chain.ts';
import { describeError, isKind } from '@millrace/core/domain/errors.ts';
import type { OffsetRange } from '@millrace/core/domain/offsets.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { walkEntries } from '../lake/chain-entries.ts';
import { readRawLines } from '../lake/raw-lines.ts';
import type { CoverageFault, RawRun } from './coverage.ts';
import { checkScan, layEntry, scanRawLines } from './raw-object.ts';

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

/** The lines of a raw object as `readRawLines` gives them; undefined when they cannot be had, which `fault` is told. */
export async function readLines(
  raw: ObjectStore,
  object: RawObject,
  fault: (fault: CoverageFault) => void,
): Promise<Uint8Array | undefined> {
  try {
    return await readRawLines(raw, object);
  } catch (error) {
    if (!isKind(error, 'corrupt')) throw error;
    fault({ code: error.code, range: { startOffset: object.startOffset, endOffset: object.endOffset }, detail: describeError(error) });
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
