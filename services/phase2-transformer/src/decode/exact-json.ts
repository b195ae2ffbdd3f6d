import { JsonNumber, type JsonObject, type JsonValue } from './json-value.ts';

const largeInteger = /[0-9]{16}/;

/** Whether a text may hold an integer that a plain parse would round. Pure. */
export function mayHoldLargeInteger(text: string): boolean {
  return largeInteger.test(text);
}

/** A number token by what stands around it; inside of strings there are look-alikes. */
const numberToken = /(?<=[:,[\s])-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?=\s*[,}\]])/g;
const plainInteger = /^(?:0|-?[1-9][0-9]{0,14})$/;
/** Numbers that a plain parse already tells apart: these, and fractions too short to round to an integer. */
const plainNumber = /^(?:0|-?[1-9][0-9]{0,14}|-?(?:0|[1-9][0-9]{0,8})\.[0-9]{0,5}[1-9])$/;

/** What stands for a number in the text that is parsed. A text that holds the escaped character itself takes the slow way. */
const markEscape = '\\u0000';
const mark = '\u0000';

/**
 * `JSON.parse` that keeps every number exact: what is more than its nearest double comes as `JsonNumber`. About twice the cost of a plain parse:
 * numbers that need it are put in quotes behind a mark, and taken out again after a plain parse.
 * @param keepsText whether fractions must keep their text too, for text columns: then all but short integers come as `JsonNumber`
 * @throws SyntaxError when it is not JSON, RangeError when it nests too deep for a recursive walk
 */
export function parseExact(text: string, keepsText: boolean): JsonValue {
  const isPlain = keepsText ? plainInteger : plainNumber;
  if (text.includes(markEscape)) return parseWithSources(text, isPlain);
  const quoted = quoteNumbers(text, isPlain);
  if (quoted === undefined) return JSON.parse(text) as JsonValue;
  return takeOut(JSON.parse(quoted) as JsonValue);
}

/** Puts numbers that a plain parse would blur in quotes; undefined when there are none. */
function quoteNumbers(text: string, isPlain: RegExp): string | undefined {
  let out = '';
  let copied = 0;
  let scanned = 0;
  let inString = false;
  for (const match of text.matchAll(numberToken)) {
    const token = match[0];
    if (isPlain.test(token)) continue;
    for (let at = text.indexOf('"', scanned); at !== -1 && at < match.index; at = text.indexOf('"', at + 1)) {
      if (!inString || !isEscaped(text, at)) inString = !inString;
    }
    scanned = match.index;
    // JSON has no leading zeros: left alone, the parser refuses them
    if (inString || /^-?0[0-9]/.test(token)) continue;
    out += `${text.slice(copied, match.index)}"${markEscape}${token}"`;
    copied = match.index + token.length;
  }
  return copied === 0 ? undefined : out + text.slice(copied);
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes++;
  return backslashes % 2 === 1;
}

/** Turns marked strings back into numbers, in place. */
function takeOut(value: JsonValue): JsonValue {
  if (typeof value === 'string') return value.startsWith(mark) ? numberOf(value.slice(1)) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const element = value[i] as JsonValue;
      if (typeof element === 'string' ? element.startsWith(mark) : typeof element === 'object') value[i] = takeOut(element);
    }
    return value;
  }
  const object = value as JsonObject;
  for (const name in object) {
    const member = object[name] as JsonValue;
    if (typeof member === 'object') takeOut(member);
    else if (typeof member === 'string' && member.startsWith(mark)) setMember(object, name, numberOf(member.slice(1)));
  }
  return object;
}

/** Assignment that takes `__proto__` for a name like others. */
function setMember(object: JsonObject, name: string, value: JsonValue): void {
  if (name === '__proto__') Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
  else object[name] = value;
}

function numberOf(source: string): JsonNumber {
  return new JsonNumber(source, Number(source));
}

/** The same by the engine's own access to the text of each number: right for every text, five times the cost of a plain parse. */
function parseWithSources(text: string, isPlain: RegExp): JsonValue {
  return JSON.parse(text, ((_name: string, value: unknown, context?: { source?: string }) => {
    if (typeof value !== 'number') return value;
    const source = context?.source as string;
    return isPlain.test(source) ? value : numberOf(source);
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
