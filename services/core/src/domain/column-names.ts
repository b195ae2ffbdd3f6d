/*
 * Column names from JSON field names, by a rule that can be undone without knowing anything else: `_xHHHH_` is one UTF-16 code unit
 * (SQL/XML, ISO 9075-14). docs/formats/table.md section 4 is the contract; test/checker/mapping.py is a second implementation.
 */

/** What Delta refuses without column mapping, control characters, and an underscore that would read as the start of an escape. A dot is a character like others. */
const needsEscape = /[ ,;{}()=\u0000-\u001f\u007f-\u009f]|_(?=[xX][0-9a-fA-F]{4})/g;

const escapeUnit = (unit: string) => `_x${unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}_`;

/** The JSON field name a column name stands for. Pure; the inverse of every candidate of `escapeName`. */
export function unescapeName(column: string): string {
  if (column === '_x_') return '';
  return column.replace(/_[xX]([0-9a-fA-F]{4})_/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/**
 * The column name for a JSON field: the first of three candidates that is free. Pure.
 * Plain form with odd characters escaped; then its first character escaped too; then every code unit, which is always free.
 * @param isTaken asks by lower-cased name, for the names already in the struct and, at the top level, our own
 */
export function escapeName(name: string, isTaken: (lowerCaseName: string) => boolean): string {
  const plain = (text: string) => text.replace(needsEscape, escapeUnit);
  const everyUnit = (text: string) => text.split('').map(escapeUnit).join('');
  const first = String.fromCodePoint(name.codePointAt(0) ?? 0);
  const candidates =
    name === ''
      ? ['_x_']
      : [
          /^_x_$/i.test(name) ? `_x005F_${name.slice(1)}` : plain(name),
          everyUnit(first) + plain(name.slice(first.length)),
          everyUnit(name),
        ];
  return candidates.find((candidate) => !isTaken(candidate.toLowerCase())) ?? (candidates.at(-1) as string);
}
