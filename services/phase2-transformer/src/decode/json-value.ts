/**
 * A number of which more than its nearest double matters: everything but a safe integer written plainly.
 * Made by the exact parse only; `source` is its text, `isFraction` says whether that has `.`, `e` or `E` (R10).
 */
export class JsonNumber {
  readonly source: string;
  readonly value: number;
  readonly isFraction: boolean;

  constructor(source: string, value: number) {
    this.source = source;
    this.value = value;
    this.isFraction = /[.eE]/.test(source);
  }

  /** The exact integer, or undefined when it has more than 64 bits. Only for integers. */
  int64(): bigint | undefined {
    if (this.source.length > 20) return undefined;
    const n = BigInt(this.source);
    return BigInt.asIntN(64, n) === n ? n : undefined;
  }

  /** Whether a column could hold it: an integer of 64 bits, a fraction within the doubles. */
  isInRange(): boolean {
    return this.isFraction ? Number.isFinite(this.value) : this.int64() !== undefined;
  }

  /** Whether the nearest double is this very integer. Only for integers of 64 bits. */
  isExactDouble(): boolean {
    return BigInt(this.value) === BigInt(this.source);
  }
}

export type JsonValue = null | boolean | number | string | JsonNumber | JsonValue[] | JsonObject;
export type JsonObject = { [name: string]: JsonValue };

/** True for objects proper. Pure. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}
