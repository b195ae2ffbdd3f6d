/** First line of a page that is written by `npm run docs:generate`. */
export const GENERATED = '<!-- Written by `npm run docs:generate` from the code; `npm test` compares. Change the code, not this page. -->';

/** Text of a table cell: on one line, a bar does not end the cell. Pure. */
const cell = (text: string): string =>
  text
    .replaceAll('|', '\\|')
    .replaceAll(/\s*\n\s*/g, ' ')
    .trim();

/** A table in Markdown, without a line end. Pure. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

/** The text as code, or nothing where there is none. Pure. */
export const code = (text: string): string => (text === '' ? '' : `\`${text}\``);

/**
 * Prose that stands in code as plain text, safe in Markdown: a word with angle brackets is code. Pure.
 * They would vanish from a page that is shown as HTML.
 */
export const prose = (text: string): string => text.replaceAll(/[^\s(`]*<[^>\s][^>]*>[^\s,;:)`]*/g, (word) => `\`${word}\``);

/** A page: its parts with an empty line between them, a line end behind the last. Pure. */
export const page = (...parts: readonly string[]): string => `${parts.join('\n\n')}\n`;
