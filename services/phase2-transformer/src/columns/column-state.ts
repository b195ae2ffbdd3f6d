import type { Column, ColumnType } from '@millrace/core/domain/table-schema.ts';
import { JsonNumber, type JsonValue } from '../decode/json-value.ts';
import type { ColumnBuffer, ColumnValues } from './column-buffer.ts';

/*
 * Growing columns. Nulls cost nothing: a slot that is not written is null, and offsets of skipped slots are filled in by the next write.
 * All columns of one level (the rows, or the elements of one list) share their slot number, also through structs.
 * Generated code (append-code.ts) writes fields of these classes directly.
 */

/** What every column can do. `grow` keeps what is there; `truncate` makes slots `[length, usedSlots)` null again; `finish` gives views, not copies. */
export abstract class ColumnState {
  validity: Uint8Array;

  constructor(capacity: number) {
    this.validity = new Uint8Array((capacity + 7) >> 3);
  }

  grow(capacity: number): void {
    this.validity = grown(this.validity, (capacity + 7) >> 3);
  }

  truncate(length: number, usedSlots: number): void {
    clearBits(this.validity, length, usedSlots);
  }

  setValid(slot: number): void {
    this.validity[slot >> 3] = (this.validity[slot >> 3] as number) | (1 << (slot & 7));
  }

  abstract values(length: number, type: ColumnType): ColumnValues;

  finish(column: Pick<Column, 'name' | 'fieldId' | 'type'>, length: number): ColumnBuffer {
    const validity = this.validity.subarray(0, (length + 7) >> 3);
    return {
      name: column.name,
      fieldId: column.fieldId,
      type: column.type,
      length,
      nullCount: length - countBits(validity, length),
      validity,
      values: this.values(length, column.type),
    };
  }
}

export class BitState extends ColumnState {
  bits: Uint8Array;

  constructor(capacity: number) {
    super(capacity);
    this.bits = new Uint8Array((capacity + 7) >> 3);
  }

  override grow(capacity: number): void {
    super.grow(capacity);
    this.bits = grown(this.bits, (capacity + 7) >> 3);
  }

  override truncate(length: number, usedSlots: number): void {
    super.truncate(length, usedSlots);
    clearBits(this.bits, length, usedSlots);
  }

  values(length: number): ColumnValues {
    return { layout: 'bits', bits: this.bits.subarray(0, (length + 7) >> 3) };
  }
}

export class Int32State extends ColumnState {
  words: Int32Array;

  constructor(capacity: number) {
    super(capacity);
    this.words = new Int32Array(capacity);
  }

  override grow(capacity: number): void {
    super.grow(capacity);
    this.words = grown(this.words, capacity);
  }

  set(slot: number, value: number): void {
    this.words[slot] = value;
    this.setValid(slot);
  }

  values(length: number): ColumnValues {
    return { layout: 'int32', words: this.words.subarray(0, length) };
  }
}

export class Int64State extends ColumnState {
  /** low word, high word */
  words: Int32Array;

  constructor(capacity: number) {
    super(capacity);
    this.words = new Int32Array(2 * capacity);
  }

  override grow(capacity: number): void {
    super.grow(capacity);
    this.words = grown(this.words, 2 * capacity);
  }

  /** A safe integer. */
  set(slot: number, value: number): void {
    this.words[2 * slot] = value;
    this.words[2 * slot + 1] = Math.floor(value / 4294967296);
    this.setValid(slot);
  }

  setBigInt(slot: number, value: bigint): void {
    this.words[2 * slot] = Number(BigInt.asIntN(32, value));
    this.words[2 * slot + 1] = Number(value >> 32n);
    this.setValid(slot);
  }

  /** Takes what is no plain number; false when it is not an integer of 64 bits. */
  setExact(slot: number, value: JsonValue): boolean {
    if (!(value instanceof JsonNumber) || value.isFraction) return false;
    const integer = value.int64();
    if (integer === undefined) return false;
    this.setBigInt(slot, integer);
    return true;
  }

  values(length: number): ColumnValues {
    return { layout: 'int64', words: this.words.subarray(0, 2 * length) };
  }
}

export class DoubleState extends ColumnState {
  doubles: Float64Array;

  constructor(capacity: number) {
    super(capacity);
    this.doubles = new Float64Array(capacity);
  }

  override grow(capacity: number): void {
    super.grow(capacity);
    this.doubles = grown(this.doubles, capacity);
  }

  /** Takes what is no plain number; false when it is no number, too large, or an integer that is not exact (R10). */
  setExact(slot: number, value: JsonValue): boolean {
    if (!(value instanceof JsonNumber) || !Number.isFinite(value.value)) return false;
    if (!value.isFraction && (value.int64() === undefined || !value.isExactDouble())) return false;
    this.doubles[slot] = value.value;
    this.setValid(slot);
    return true;
  }

  values(length: number): ColumnValues {
    return { layout: 'double', doubles: this.doubles.subarray(0, length) };
  }
}

export class StructState extends ColumnState {
  readonly fields: ColumnState[];

  constructor(capacity: number, fields: ColumnState[]) {
    super(capacity);
    this.fields = fields;
  }

  override grow(capacity: number): void {
    super.grow(capacity);
    for (const field of this.fields) field.grow(capacity);
  }

  override truncate(length: number, usedSlots: number): void {
    super.truncate(length, usedSlots);
    for (const field of this.fields) field.truncate(length, usedSlots);
  }

  values(length: number, type: ColumnType): ColumnValues {
    const members = (type as ColumnType & { kind: 'struct' }).fields;
    return { layout: 'struct', fields: members.map((member, i) => (this.fields[i] as ColumnState).finish(member, length)) };
  }
}

export class ListState extends ColumnState {
  readonly element: ColumnState;
  /** offsets of slots up to `filled` are written */
  offsets: Int32Array;
  filled = 0;
  childLength = 0;
  childCapacity: number;

  constructor(capacity: number, element: ColumnState, childCapacity: number) {
    super(capacity);
    this.element = element;
    this.offsets = new Int32Array(capacity + 1);
    this.childCapacity = childCapacity;
  }

  override grow(capacity: number): void {
    super.grow(capacity);
    this.offsets = grown(this.offsets, capacity + 1);
  }

  /** Opens a list of `count` elements at a slot; returns the slot of its first element. */
  begin(slot: number, count: number): number {
    this.offsets.fill(this.childLength, this.filled + 1, slot + 2);
    this.filled = slot + 1;
    this.setValid(slot);
    const first = this.childLength;
    if (first + count > this.childCapacity) {
      this.childCapacity = Math.max(first + count, 2 * this.childCapacity);
      this.element.grow(this.childCapacity);
    }
    return first;
  }

  /** Closes the list of `begin`. */
  end(slot: number, childLength: number): void {
    this.childLength = childLength;
    this.offsets[slot + 1] = childLength;
  }

  override truncate(length: number, usedSlots: number): void {
    super.truncate(length, usedSlots);
    if (this.filled <= length) return;
    const kept = this.offsets[length] as number;
    this.element.truncate(kept, this.childLength);
    this.childLength = kept;
    this.filled = length;
  }

  values(length: number, type: ColumnType): ColumnValues {
    this.offsets.fill(this.childLength, this.filled + 1, length + 1);
    const list = type as ColumnType & { kind: 'list' };
    return {
      layout: 'list',
      offsets: this.offsets.subarray(0, length + 1),
      element: this.element.finish({ name: 'element', fieldId: list.elementFieldId, type: list.element }, this.childLength),
    };
  }
}

export function grown<T extends Uint8Array | Int32Array | Float64Array>(array: T, length: number): T {
  if (length <= array.length) return array;
  const larger = new (array.constructor as new (length: number) => T)(length);
  larger.set(array);
  return larger;
}

function clearBits(bits: Uint8Array, start: number, end: number): void {
  const stop = Math.min(end, bits.length * 8);
  for (let i = start; i < stop; i++) bits[i >> 3] = (bits[i >> 3] as number) & ~(1 << (i & 7));
}

/** Number of ones among the first `length` bits. Pure. */
export function countBits(bits: Uint8Array, length: number): number {
  let count = 0;
  const whole = length >> 3;
  for (let i = 0; i < whole; i++) count += ones[bits[i] as number] as number;
  if (length & 7) count += ones[(bits[whole] as number) & ((1 << (length & 7)) - 1)] as number;
  return count;
}

const ones = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);
