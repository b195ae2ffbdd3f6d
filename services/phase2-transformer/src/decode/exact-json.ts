import { JsonNumber, type JsonValue } from './json-value.ts';

/**
 * Texts that hold a number like `1.0`, `1.00` or `1e2`: integral by value, a fraction by its text (R10). Strings can match too, which only costs time.
 * Other numbers that need their text show themselves after a plain parse: they are no safe integers.
 */
const mayHideFraction = /[0-9](?:\.0+|[eE][+-]?[0-9]+)\s*[,}\]]/;

/** Whether a plain `JSON.parse` of this text may take a fraction for an integer. Pure. */
export function needsExactParse(text: string): boolean {
  return mayHideFraction.test(text);
}

const plainInteger = /^(?:0|-?[1-9][0-9]{0,15})$/;

/**
 * `JSON.parse` that keeps every number exact: safe integers written plainly as numbers, all others as `JsonNumber`. Five times the cost of a plain parse.
 * @throws SyntaxError when it is not JSON, RangeError when it nests too deep for a recursive walk
 */
export function parseExact(text: string): JsonValue {
  return JSON.parse(text, ((_name: string, value: unknown, context?: { source?: string }) => {
    if (typeof value !== 'number') return value;
    const source = context?.source as string;
    return Number.isSafeInteger(value) && plainInteger.test(source) ? value : new JsonNumber(source, value);
  }) as (this: unknown, name: string, value: unknown) => unknown) as JsonValue;
}

const hasIndexName = /"[0-9]{1,10}"\s*:/;
const stringToken = /"([^"\\]*(?:\\.[^"\\]*)*)"(\s*:)?/g;

/**
 * The same JSON with `prefix` before every member name, or undefined when there is no need: JavaScript moves names that look like array indices to the front of an object,
 * and columns keep the order of first appearance. Pure.
 */
export function withPrefixedNames(text: string, prefix: string): string | undefined {
  if (!hasIndexName.test(text)) return undefined;
  return text.replace(stringToken, (token, inner: string, colon: string | undefined) =>
    colon === undefined ? token : `"${prefix}${inner}"${colon}`,
  );
}
