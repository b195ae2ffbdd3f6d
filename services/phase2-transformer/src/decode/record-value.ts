import { DataError } from '../infer/data-errors.ts';
import { parseExact } from './exact-json.ts';
import { isJsonObject, type JsonObject, type JsonValue } from './json-value.ts';
import type { LineCursor } from './line-cursor.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The JSON text of the cursor's value, base64 undone; a data error when it is not UTF-8. A byte order mark stays, and is then not JSON. */
export function valueText(cursor: LineCursor): string | DataError {
  const text = cursor.text();
  if (cursor.kind === 'value') return text;
  if (text === '') return new DataError('not_json', 'the value is empty');
  try {
    return utf8.decode(Buffer.from(text, 'base64'));
  } catch {
    return new DataError('not_json', 'the value is not UTF-8');
  }
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
