import type { DataEntry, RawObject } from '@millrace/core/domain/chain.ts';
import type { OffsetRange } from '@millrace/core/domain/offsets.ts';
import { larger, smaller } from '../lake/bigints.ts';
import type { CoverageFault, RawRun } from './coverage.ts';

/** What the lines of one raw object hold. */
export type RawScan = { runs: (RawRun & { kind: 'records' | 'tombstones' })[]; recordCount: number; linesBytes: number };

const head = Buffer.from('{"offset":');
const tombstoneEnd = Buffer.from(',"tombstone":true}');

/**
 * Runs of neighbouring offsets in the lines of a raw object. Pure.
 * A line ends with `,"tombstone":true}` only for a tombstone: in any other the value, one JSON text, stands before the last brace.
 * @throws Error naming the line when one is not a raw line or offsets do not rise
 * @see docs/formats/raw.md
 */
export function scanRawLines(lines: Uint8Array, object: string): RawScan {
  const bytes = Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength);
  const scan: RawScan = { runs: [], recordCount: 0, linesBytes: bytes.length };
  let run: (RawRun & { kind: 'records' | 'tombstones' }) | undefined;
  for (let start = 0; start < bytes.length; scan.recordCount++) {
    const end = bytes.indexOf(10, start);
    if (end < 0) throw new Error(`line ${scan.recordCount} of ${object} has no line feed at its end`);
    const offset = offsetOf(bytes, start, end);
    if (offset === undefined) throw new Error(`line ${scan.recordCount} of ${object} does not begin with an offset`);
    if (run !== undefined && offset < run.endOffset)
      throw new Error(`line ${scan.recordCount} of ${object} has offset ${offset} after ${run.endOffset - 1n}`);
    const kind =
      bytes.compare(tombstoneEnd, 0, tombstoneEnd.length, Math.max(start, end - tombstoneEnd.length), end) === 0 ? 'tombstones' : 'records';
    if (run !== undefined && run.endOffset === offset && run.kind === kind) run.endOffset = offset + 1n;
    else {
      run = { kind, startOffset: offset, endOffset: offset + 1n, object, line: scan.recordCount };
      scan.runs.push(run);
    }
    start = end + 1;
  }
  return scan;
}

function offsetOf(bytes: Buffer, start: number, end: number): bigint | undefined {
  if (bytes.compare(head, 0, head.length, start, start + head.length) !== 0) return undefined;
  let at = start + head.length;
  let value = 0;
  for (; at < end; at++) {
    const digit = (bytes[at] as number) - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  const digits = at - start - head.length;
  if (digits === 0 || digits > 19) return undefined;
  return digits <= 15 ? BigInt(value) : BigInt(bytes.toString('latin1', start + head.length, at));
}

/** What is wrong between an object's lines and what the chain says of it. Pure. */
export function checkScan(scan: RawScan, declared: RawObject): CoverageFault[] {
  const faults: CoverageFault[] = [];
  const range = { startOffset: declared.startOffset, endOffset: declared.endOffset };
  const differs = (name: string, found: bigint | number, said: bigint | number) => {
    if (found !== said)
      faults.push({ code: 'raw_object_differs', range, detail: `${declared.key}: ${name} ${found}, the chain says ${said}` });
  };
  differs('recordCount', scan.recordCount, declared.recordCount);
  differs('linesBytes', scan.linesBytes, declared.linesBytes);
  const first = scan.runs[0];
  const last = scan.runs.at(-1);
  if (first === undefined || last === undefined) return faults;
  if (first.startOffset < declared.startOffset || last.endOffset > declared.endOffset)
    faults.push({
      code: 'raw_object_differs',
      range,
      detail: `${declared.key}: offsets ${first.startOffset} to ${last.endOffset}, the chain says ${declared.startOffset} to ${declared.endOffset}`,
    });
  return faults;
}

/**
 * Runs of one data entry in offset order: what its objects hold and its gaps, which must cover the entry exactly. Pure.
 * @param scanned runs of the entry's objects that could be read
 * @param skipped ranges of objects that could not be read: already reported, not reported again
 */
export function layEntry(
  entry: DataEntry,
  scanned: readonly RawRun[],
  skipped: readonly OffsetRange[],
): { runs: RawRun[]; faults: CoverageFault[] } {
  const faults: CoverageFault[] = [];
  const runs: RawRun[] = [];
  const laid: (RawRun | (OffsetRange & { kind: 'skipped' }))[] = [
    ...scanned,
    ...entry.gaps.map((gap): RawRun => ({ kind: 'gap', startOffset: gap.startOffset, endOffset: gap.endOffset, cause: gap.cause })),
    ...skipped.map((range) => ({ kind: 'skipped' as const, startOffset: range.startOffset, endOffset: range.endOffset })),
  ].sort((a, b) => (a.startOffset < b.startOffset ? -1 : a.startOffset > b.startOffset ? 1 : 0));
  let at = entry.startOffset;
  const hole = (endOffset: bigint) =>
    faults.push({
      code: 'entry_not_covered',
      range: { startOffset: at, endOffset },
      detail: `entry ${entry.seq} names these offsets, neither its objects nor its gaps hold them`,
    });
  for (const run of laid) {
    if (run.startOffset > at) hole(run.startOffset);
    if (run.startOffset < at && run.kind !== 'skipped') {
      const endOffset = smaller(run.endOffset, at);
      faults.push({
        code: 'entry_covered_twice',
        range: { startOffset: run.startOffset, endOffset },
        detail: `entry ${entry.seq} holds these offsets twice`,
      });
    }
    const startOffset = larger(run.startOffset, at);
    if (run.endOffset <= startOffset) continue;
    if (run.kind === 'gap') runs.push({ ...run, startOffset });
    else if (run.kind !== 'skipped') runs.push({ ...run, startOffset, line: run.line + Number(startOffset - run.startOffset) });
    at = run.endOffset;
  }
  if (at < entry.endOffset) hole(entry.endOffset);
  return { runs, faults };
}
