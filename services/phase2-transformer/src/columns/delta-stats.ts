import { fastBuffer } from '../decode/fast-buffer.ts';
import type { ColumnBuffer } from './column-buffer.ts';
import { calendarMs } from './partition-values.ts';

/** `delta.dataSkippingNumIndexedCols` and `delta.dataSkippingStringPrefixLength`, by their defaults. */
const statsLeavesMax = 32;
const prefixLength = 32;

/**
 * The `add.stats` JSON text of a data file. Pure.
 * Covers the first 32 leaves that are no partition columns; 64-bit numbers digit by digit, timestamps cut to ms, strings to 32 UTF-16 units with a safe maximum.
 * @see Delta protocol, "Per-file Statistics"
 */
export function deltaStats(columns: readonly ColumnBuffer[], numRecords: number, partitionColumns: readonly string[]): string {
  const budget = { leaves: statsLeavesMax };
  const { min, max, nulls } = membersStats(
    columns.filter((column) => !partitionColumns.includes(column.name)),
    budget,
  );
  return `{"numRecords":${numRecords},"minValues":${min ?? '{}'},"maxValues":${max ?? '{}'},"nullCount":${nulls ?? '{}'}}`;
}

type Texts = { min: string | undefined; max: string | undefined; nulls: string | undefined };

function membersStats(columns: readonly ColumnBuffer[], budget: { leaves: number }): Texts {
  const members = { min: [] as string[], max: [] as string[], nulls: [] as string[] };
  for (const column of columns) {
    if (budget.leaves <= 0) break;
    const { min, max, nulls } = column.values.layout === 'struct' ? membersStats(column.values.fields, budget) : leafStats(column, budget);
    const name = JSON.stringify(column.name);
    if (min !== undefined) members.min.push(`${name}:${min}`);
    if (max !== undefined) members.max.push(`${name}:${max}`);
    if (nulls !== undefined) members.nulls.push(`${name}:${nulls}`);
  }
  const text = (list: string[]) => (list.length === 0 ? undefined : `{${list.join(',')}}`);
  return { min: text(members.min), max: text(members.max), nulls: text(members.nulls) };
}

function leafStats(column: ColumnBuffer, budget: { leaves: number }): Texts {
  budget.leaves--;
  const bounds = column.nullCount === column.length ? undefined : leafBounds(column);
  return { min: bounds?.min, max: bounds?.max, nulls: String(column.nullCount) };
}

type Bounds = { min: string; max: string | undefined } | undefined;

function leafBounds(column: ColumnBuffer): Bounds {
  const { values } = column;
  switch (values.layout) {
    case 'int32': {
      const { min, max } = numberBounds(column, values.words);
      return column.type.kind === 'date' ? { min: dateText(min), max: dateText(max) } : { min: String(min), max: String(max) };
    }
    case 'double': {
      const { min, max } = numberBounds(column, values.doubles);
      return { min: JSON.stringify(min + 0), max: JSON.stringify(max + 0) };
    }
    case 'int64': {
      const { min, max } = int64Bounds(column, values.words);
      return column.type.kind === 'timestamp' ? timestampBounds(min, max) : { min: min.toString(), max: max.toString() };
    }
    case 'text': {
      const { min, max } = textBounds(column, values.offsets, values.bytes);
      const upper = truncateMax(max);
      return { min: JSON.stringify(truncateMin(min)), max: upper === undefined ? undefined : JSON.stringify(upper) };
    }
    default:
      return undefined;
  }
}

function isValid(column: ColumnBuffer, slot: number): boolean {
  return ((column.validity[slot >> 3] as number) & (1 << (slot & 7))) !== 0;
}

function numberBounds(column: ColumnBuffer, numbers: Int32Array | Float64Array): { min: number; max: number } {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < column.length; i++) {
    if (!isValid(column, i)) continue;
    const value = numbers[i] as number;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

function int64Bounds(column: ColumnBuffer, words: Int32Array): { min: bigint; max: bigint } {
  let minSlot = -1;
  let maxSlot = -1;
  const isLess = (a: number, b: number) => {
    const high = (words[2 * a + 1] as number) - (words[2 * b + 1] as number);
    return high < 0 || (high === 0 && (words[2 * a] as number) >>> 0 < (words[2 * b] as number) >>> 0);
  };
  for (let i = 0; i < column.length; i++) {
    if (!isValid(column, i)) continue;
    if (minSlot === -1) {
      minSlot = i;
      maxSlot = i;
    } else if (isLess(i, minSlot)) minSlot = i;
    else if (isLess(maxSlot, i)) maxSlot = i;
  }
  const at = (slot: number) => (BigInt(words[2 * slot + 1] as number) << 32n) | BigInt((words[2 * slot] as number) >>> 0);
  return { min: at(minSlot), max: at(maxSlot) };
}

/** Bounds by the order of UTF-8 bytes, as readers compare. */
function textBounds(column: ColumnBuffer, offsets: Int32Array, bytes: Uint8Array): { min: string; max: string } {
  let min = -1;
  let max = -1;
  const compare = (a: number, b: number) => {
    const aStart = offsets[a] as number;
    const bStart = offsets[b] as number;
    const aLength = (offsets[a + 1] as number) - aStart;
    const bLength = (offsets[b + 1] as number) - bStart;
    const shared = Math.min(aLength, bLength);
    for (let i = 0; i < shared; i++) {
      const difference = (bytes[aStart + i] as number) - (bytes[bStart + i] as number);
      if (difference !== 0) return difference;
    }
    return aLength - bLength;
  };
  for (let i = 0; i < column.length; i++) {
    if (!isValid(column, i)) continue;
    if (min === -1) {
      min = i;
      max = i;
    } else if (compare(i, min) < 0) min = i;
    else if (compare(i, max) > 0) max = i;
  }
  const fast = fastBuffer(bytes);
  const at = (slot: number) => fast.utf8Slice(offsets[slot] as number, offsets[slot + 1] as number);
  return { min: at(min), max: at(max) };
}

/** Length of a prefix that splits no surrogate pair. */
function prefixEnd(text: string, length: number): number {
  const last = text.charCodeAt(length - 1);
  return last >= 0xd800 && last <= 0xdbff ? length + 1 : length;
}

/** A lower bound: the first 32 UTF-16 units. Pure. */
export function truncateMin(text: string): string {
  return text.length <= prefixLength ? text : text.slice(0, prefixEnd(text, prefixLength));
}

/**
 * An upper bound: unchanged when short; else a prefix and a character above the first one cut off, looked for in twice the length. Pure.
 * @returns undefined when there is none: the maximum must then be left out
 */
export function truncateMax(text: string): string | undefined {
  if (text.length <= prefixLength) return text;
  for (let end = prefixEnd(text, prefixLength); end <= 2 * prefixLength; ) {
    if (end >= text.length) return text;
    const cut = text.codePointAt(end) as number;
    if (cut < 0x7f) return `${text.slice(0, end)}\u007f`;
    if (cut < 0x10ffff) return `${text.slice(0, end)}\u{10ffff}`;
    end += 2;
  }
  return undefined;
}

/** Our timestamps are whole milliseconds. None where a calendar of four digits cannot show both. */
function timestampBounds(minMicros: bigint, maxMicros: bigint): Bounds {
  const minMs = Number(minMicros / 1000n);
  const maxMs = Number(maxMicros / 1000n);
  if (calendarMs(minMs) !== minMs || calendarMs(maxMs) !== maxMs) return undefined;
  return { min: JSON.stringify(new Date(minMs).toISOString()), max: JSON.stringify(new Date(maxMs).toISOString()) };
}

function dateText(days: number): string {
  return JSON.stringify(new Date(days * 86_400_000).toISOString().slice(0, -14));
}
