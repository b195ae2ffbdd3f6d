import type { GapCause, OffsetRange } from '@millrace/core/domain/offsets.ts';
import { larger } from '../lake/bigints.ts';
import type { ChainFault } from '../lake/chain-entries.ts';

/** What raw says about a run of offsets. Runs of one chain are ascending and do not overlap. */
export type RawRun =
  | (OffsetRange & {
      kind: 'records' | 'tombstones' /** key of the raw object */;
      object: string /** zero-based line of the first offset */;
      line: number;
    })
  | (OffsetRange & { kind: 'gap'; cause: GapCause });

/** A quarantine pointer as the sweep needs it. */
export type QuarantineRun = OffsetRange & { object: string; startLine: number; reason: string };

/** What a sweep found over one source partition. All sums count offsets. */
export type Coverage = {
  /** records with a row */
  committed: bigint;
  quarantined: Map<string, bigint>;
  /** tombstones that are neither rows nor quarantined: rule `tombstone` */
  dropped: bigint;
  gaps: Map<GapCause, bigint>;
  /** landed at or beyond the position */
  pending: bigint;
};

export type CoverageFault = ChainFault;

type Runs<T> = AsyncIterable<T> | Iterable<T>;

/**
 * Sweeps one source partition once, in offset order, and says what became of every offset of `[table start, position)`.
 * Does no I/O of its own; memory is the number of runs that overlap at one offset.
 * @param raw runs of the chain, ascending, not overlapping
 * @param rows runs of table rows, ascending by start; overlapping runs mean rows that are there twice
 * @param quarantined pointers, ascending by start; one may reach over gaps between its records
 * @param fault told of every difference, with its exact range, ascending
 */
export async function sweepCoverage(
  raw: Runs<RawRun>,
  rows: Runs<OffsetRange>,
  quarantined: Runs<QuarantineRun>,
  table: { startOffset: bigint; position: bigint },
  fault: (fault: CoverageFault) => void,
): Promise<Coverage> {
  const found: Coverage = { committed: 0n, quarantined: new Map(), dropped: 0n, gaps: new Map(), pending: 0n };
  const rawRuns = new Cursor(raw);
  const rowRuns = new Active(rows);
  const quarantineRuns = new Active(quarantined);
  let at = 0n;
  for (;;) {
    const run = await rawRuns.peek();
    const begins = [run?.startOffset, await rowRuns.begins(at), await quarantineRuns.begins(at)];
    if (at < table.position && table.startOffset < table.position) begins.push(larger(at, table.startOffset));
    const begin = least(begins, 0n);
    if (begin === undefined) return found;
    if (begin > at) at = begin;
    await rowRuns.advance(at);
    await quarantineRuns.advance(at);
    const inside = run !== undefined && run.startOffset <= at ? run : undefined;
    const end = least(
      [inside?.endOffset ?? run?.startOffset, await rowRuns.changes(), await quarantineRuns.changes(), table.startOffset, table.position],
      at + 1n,
    );
    if (end === undefined) return found;
    judge({ startOffset: at, endOffset: end }, inside, rowRuns.active.length, quarantineRuns.active, table, found, fault);
    at = end;
    if (inside !== undefined && inside.endOffset <= at) rawRuns.take();
    rowRuns.drop(at);
    quarantineRuns.drop(at);
  }
}

/** The least of the numbers that is at least `floor`. Pure. */
function least(numbers: readonly (bigint | undefined)[], floor: bigint): bigint | undefined {
  let result: bigint | undefined;
  for (const n of numbers) if (n !== undefined && n >= floor && (result === undefined || n < result)) result = n;
  return result;
}

/** Judges a run of offsets over which nothing changes. Pure but for the sums it adds to. */
function judge(
  range: OffsetRange,
  raw: RawRun | undefined,
  rows: number,
  quarantined: readonly QuarantineRun[],
  table: { startOffset: bigint; position: bigint },
  found: Coverage,
  fault: (fault: CoverageFault) => void,
): void {
  const offsets = range.endOffset - range.startOffset;
  const say = (code: string, detail: string) => fault({ code, range, detail });
  if (range.startOffset < table.startOffset || range.startOffset >= table.position) {
    const side =
      range.startOffset < table.startOffset
        ? `below the table's start ${table.startOffset}`
        : `at or beyond the table's position ${table.position}`;
    if (rows > 0) say('row_outside_range', `rows ${side}`);
    if (quarantined.length > 0) say('quarantine_outside_range', `quarantine pointers ${side}`);
    if (raw !== undefined && range.startOffset >= table.position) found.pending += offsets;
    return;
  }
  if (raw === undefined) {
    say('not_landed', 'the table is past these offsets; no raw object that can be read and no gap of the chain holds them');
    return;
  }
  if (raw.kind === 'gap') {
    if (rows > 0) say('row_in_gap', `rows where the chain says gap (${raw.cause})`);
    found.gaps.set(raw.cause, (found.gaps.get(raw.cause) ?? 0n) + offsets);
    return;
  }
  if (rows > 1) say('row_twice', `${rows} rows for each offset`);
  if (quarantined.length > 1) say('quarantined_twice', `${quarantined.length} quarantine pointers for each offset`);
  if (rows > 0 && quarantined.length > 0) say('row_and_quarantined', 'both rows and quarantine pointers');
  if (rows > 0 && raw.kind === 'tombstones') say('row_for_tombstone', `rows for tombstones in ${raw.object}`);
  for (const pointer of quarantined) checkPointer(pointer, raw, range, say);
  const pointer = quarantined[0];
  if (rows > 0) found.committed += offsets;
  else if (pointer !== undefined) found.quarantined.set(pointer.reason, (found.quarantined.get(pointer.reason) ?? 0n) + offsets);
  else if (raw.kind === 'tombstones') found.dropped += offsets;
  else say('missing_row', `landed in ${raw.object}, neither in the table nor in quarantine`);
}

/** A pointer must lead to the lines that hold its offsets. */
function checkPointer(
  pointer: QuarantineRun,
  raw: RawRun & { kind: 'records' | 'tombstones' },
  range: OffsetRange,
  say: (code: string, detail: string) => void,
): void {
  if (pointer.object !== raw.object)
    say('quarantine_elsewhere', `a quarantine pointer says ${pointer.object}, the records lie in ${raw.object}`);
  else if (
    range.startOffset === pointer.startOffset &&
    BigInt(raw.line) + (range.startOffset - raw.startOffset) !== BigInt(pointer.startLine)
  )
    say(
      'quarantine_elsewhere',
      `a quarantine pointer says line ${pointer.startLine} of ${raw.object}, the offset is on line ${BigInt(raw.line) + (range.startOffset - raw.startOffset)}`,
    );
}

/** One value of look-ahead over a sequence. */
class Cursor<T> {
  readonly #iterator: AsyncIterator<T> | Iterator<T>;
  #head: T | undefined;
  #filled = false;

  constructor(values: Runs<T>) {
    this.#iterator = Symbol.asyncIterator in values ? values[Symbol.asyncIterator]() : values[Symbol.iterator]();
  }

  async peek(): Promise<T | undefined> {
    if (!this.#filled) {
      const step = await this.#iterator.next();
      this.#head = step.done === true ? undefined : step.value;
      this.#filled = true;
    }
    return this.#head;
  }

  take(): void {
    if (this.#head !== undefined) this.#filled = false;
  }
}

/** The runs that lie over the current offset. */
class Active<T extends OffsetRange> {
  active: T[] = [];
  readonly #cursor: Cursor<T>;

  constructor(runs: Runs<T>) {
    this.#cursor = new Cursor(runs);
  }

  /** `at` while a run is active, else where the next one starts; undefined at the end */
  async begins(at: bigint): Promise<bigint | undefined> {
    return this.active.length > 0 ? at : (await this.#cursor.peek())?.startOffset;
  }

  /** Takes in the runs that start at or below `at`. */
  async advance(at: bigint): Promise<void> {
    for (let run = await this.#cursor.peek(); run !== undefined && run.startOffset <= at; run = await this.#cursor.peek()) {
      if (run.endOffset > at) this.active.push(run);
      this.#cursor.take();
    }
  }

  /** where the set of active runs changes next */
  async changes(): Promise<bigint | undefined> {
    return least([...this.active.map((run) => run.endOffset), (await this.#cursor.peek())?.startOffset], 0n);
  }

  drop(at: bigint): void {
    if (this.active.length > 0) this.active = this.active.filter((run) => run.endOffset > at);
  }
}
