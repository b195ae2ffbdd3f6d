import { DataError } from '../infer/data-errors.ts';
import { parseExact } from './exact-json.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json-value.ts';
import { mayHideFraction } from './number-scan.ts';
import type { OpenObject } from './open-object.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The JSON text of the current line's value, base64 undone; a data error when it is not UTF-8. A byte order mark stays, and is then not JSON. */
export function valueText({ cursor, bytes, isAscii }: OpenObject): string | DataError {
  const { kind, valueStart, valueEnd } = cursor;
  if (kind === 'value') return isAscii ? bytes.latin1Slice(valueStart, valueEnd) : bytes.utf8Slice(valueStart, valueEnd);
  if (valueStart === valueEnd) return new DataError('not_json', 'the value is empty');
  try {
    return utf8.decode(Buffer.from(bytes.latin1Slice(valueStart, valueEnd), 'base64'));
  } catch {
    return new DataError('not_json', 'the value is not UTF-8');
  }
}

/** Whether the current line's value may hold a fraction that a plain parse takes for an integer; base64 is not looked into. */
export function valueMayHideFraction({ cursor, bytes }: OpenObject): boolean {
  return cursor.kind !== 'value' || mayHideFraction(bytes, cursor.valueStart, cursor.valueEnd);
}

/** Parses a value that must be an object. Pure. @param numbers `plain` is `JSON.parse`; see `parseExact` for the others */
export function parseRecord(text: string, numbers: 'plain' | 'exact' | 'text'): JsonObject | DataError {
  let value: JsonValue;
  try {
    value = numbers === 'plain' ? (JSON.parse(text) as JsonValue) : parseExact(text, numbers === 'text');
  } catch (error) {
    if (error instanceof RangeError) return new DataError('nesting_too_deep', 'nested too deep to be read');
    return new DataError('not_json', 'the value is not one JSON text');
  }
  if (isJsonObject(value)) return value;
  return new DataError(
    'not_object',
    `the value is ${value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value === 'object' ? 'number' : typeof value}`}, not an object`,
  );
}
