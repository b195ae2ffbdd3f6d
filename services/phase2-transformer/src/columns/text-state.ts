import { type FastBuffer, fastBuffer } from '../decode/fast-buffer.ts';
import { JsonNumber, type JsonValue } from '../decode/json-value.ts';
import type { ColumnValues } from './column-buffer.ts';
import { ColumnState, grown } from './column-state.ts';

/** Above this length the engine's own encoder beats a loop over the characters. */
const loopLengthMax = 40;

/** A growing column of strings. */
export class TextState extends ColumnState {
  /** offsets of slots up to `filled` are written */
  offsets: Int32Array;
  filled = 0;
  bytes: FastBuffer;
  used = 0;

  constructor(capacity: number) {
    super(capacity);
    this.offsets = new Int32Array(capacity + 1);
    this.bytes = fastBuffer(new Uint8Array(capacity * 8));
  }

  override grow(capacity: number): void {
    super.grow(capacity);
    this.offsets = grown(this.offsets, capacity + 1);
  }

  /** False for a string with a lone surrogate: it has no UTF-8. */
  append(slot: number, text: string): boolean {
    const { length } = text;
    if (this.used + length * 3 > this.bytes.length) this.growBytes(length * 3);
    const { bytes, used } = this;
    let end = used;
    if (length <= loopLengthMax) {
      for (let i = 0; i < length; i++) {
        const unit = text.charCodeAt(i);
        if (unit > 0x7f) break;
        bytes[end++] = unit;
      }
    }
    if (end - used !== length) {
      if (!text.isWellFormed()) return false;
      end = used + bytes.utf8Write(text, used);
    }
    if (this.filled < slot) this.offsets.fill(used, this.filled + 1, slot + 1);
    this.offsets[slot + 1] = end;
    this.filled = slot + 1;
    this.used = end;
    this.setValid(slot);
    return true;
  }

  /** Appends the JSON text of a scalar, empties as null (R9); false for other values, and for numbers whose text a plain parse forgot. */
  appendScalar(slot: number, value: JsonValue): boolean {
    const text = scalarText(value);
    if (text === undefined) return false;
    return text === null || text === '' || this.append(slot, text);
  }

  override truncate(length: number, usedSlots: number): void {
    super.truncate(length, usedSlots);
    if (this.filled <= length) return;
    this.used = this.offsets[length] as number;
    this.filled = length;
  }

  values(length: number): ColumnValues {
    this.offsets.fill(this.used, this.filled + 1, length + 1);
    return { layout: 'text', offsets: this.offsets.subarray(0, length + 1), bytes: this.bytes.subarray(0, this.used) };
  }

  private growBytes(needed: number): void {
    const larger = fastBuffer(new Uint8Array(Math.max(2 * this.bytes.length, this.used + needed)));
    larger.set(this.bytes.subarray(0, this.used));
    this.bytes = larger;
  }
}

/**
 * The text of a scalar in a text column: strings as they are, others as their JSON text; null for null, missing and empties. Pure.
 * @returns undefined when it is none of these, a number that only an exact parse can give back, or one that no column takes
 */
export function scalarText(value: JsonValue | undefined): string | null | undefined {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : undefined;
  if (value instanceof JsonNumber) return value.isInRange() ? value.source : undefined;
  if (Array.isArray(value)) return value.length === 0 ? null : undefined;
  for (const _ in value) return undefined;
  return null;
}
