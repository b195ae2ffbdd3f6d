import { Option } from 'commander';
import { stringify } from 'yaml';
import type { Cli } from './cli.ts';

export const formats = ['table', 'json', 'yaml'] as const;
/** How an answer is printed. `json` and `yaml` hold the same data; 64-bit numbers are decimal strings in both. */
export type Format = (typeof formats)[number];

/** `-o, --output`, the same on every command that prints data. */
export const outputOption = () =>
  new Option('-o, --output <format>', 'table for people; json or yaml for programs').choices(formats).default('table');

/** Options of a command that prints data. */
export type Printed = { output: Format };

/**
 * Prints one answer.
 * @param value plain data: objects, arrays, maps, text, numbers, `bigint`; members left undefined are left out
 * @param text the answer for people, made only when asked for
 */
export const show = (cli: Cli, format: Format, value: unknown, text: () => string): Promise<void> =>
  cli.write(`${rendered(format, value, text)}\n`);

/** One answer as `show` prints it, without the line feed at its end. Pure. */
export function rendered(format: Format, value: unknown, text: () => string): string {
  if (format === 'table') return text();
  return format === 'json' ? JSON.stringify(plain(value), null, 2) : yaml(plain(value)).replace(/\n$/, '');
}

/**
 * Prints a list that may be long, a page at a time: memory is one page. JSON is one array, an element a line.
 * @param text the page for people, without the line feed at its end
 */
export async function showPages<T>(
  cli: Cli,
  format: Format,
  pages: AsyncIterable<readonly T[]>,
  text: (page: readonly T[]) => string,
): Promise<void> {
  let before = '[\n  ';
  let rows = 0;
  for await (const page of pages) {
    if (page.length === 0) continue;
    rows += page.length;
    if (format === 'table') await cli.write(`${text(page)}\n`);
    else if (format === 'yaml') await cli.write(yaml(plain(page)));
    else {
      await cli.write(before + page.map((row) => JSON.stringify(plain(row))).join(',\n  '));
      before = ',\n  ';
    }
  }
  if (format === 'json') await cli.write(rows === 0 ? '[]\n' : '\n]\n');
  if (format === 'yaml' && rows === 0) await cli.write('[]\n');
}

/** No line is folded: a value is found by `grep` as it is. Text that a YAML 1.1 reader would take for a time or a yes is quoted. */
const yaml = (value: unknown): string => stringify(value, { lineWidth: 0, compat: 'yaml-1.1' });

/** Plain JSON data: `bigint` as decimal text, maps as objects. Pure. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Map) return plain(Object.fromEntries(value));
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([name, member]) => (member === undefined ? [] : [[name, plain(member)]])));
}
