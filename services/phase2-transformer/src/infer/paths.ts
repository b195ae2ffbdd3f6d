import { escapeName, unescapeName } from '@millrace/core/domain/column-names.ts';

/** The path segment that stands for the elements of a list. */
export const elementSegment = '[]';

/** A JSON field name as a path segment: its escape, with dots and a literal `[]` escaped too, so that a joined path can be taken apart again. Pure. */
export function pathSegment(name: string): string {
  const escaped = escapeName(name, () => false).replaceAll('.', '_x002E_');
  return escaped === elementSegment ? '_x005B_]' : escaped;
}

/** JSON field names of a configured path (`customer.country`). A dot inside a name is written `_x002E_`. Pure. */
export function parseFieldPath(path: string): string[] {
  return path.split('.').map(unescapeName);
}

/** Text of a path of segments. Pure. */
export function pathText(segments: readonly string[]): string {
  return segments.join('.');
}
