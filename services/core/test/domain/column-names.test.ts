import { escapeName, unescapeName } from '@millrace/core/domain/column-names.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const unit = fc.oneof(
  fc.constantFrom('_', 'x', 'X', '0', '4', '1', 'A', 'f', ' ', '.', '\u0000', 'é'),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
);
const name = fc.array(unit, { maxLength: 12 }).map((units) => units.join(''));
const refused = /[ ,;{}()\n\t=\u0000-\u001f]/;

describe('column names', () => {
  test('are the names they stand for, escaped so that nothing is lost', () => {
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 20 }), (names) => {
        const taken = new Set<string>();
        for (const each of names) {
          const column = escapeName(each, (lowerCase) => taken.has(lowerCase));
          expect(unescapeName(column)).toBe(each);
          expect(column).not.toMatch(refused);
          expect(column).not.toBe('');
          expect(taken.has(column.toLowerCase())).toBe(false);
          taken.add(column.toLowerCase());
        }
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['id', 'id'],
    ['a b', 'a_x0020_b'],
    ['', '_x_'],
    ['_x_', '_x005F_x_'],
    ['_x0041_', '_x005F_x0041_'],
    ['a.b', 'a.b'],
    ['__proto__', '__proto__'],
  ])('%j is %s', (json, column) => {
    expect(escapeName(json, () => false)).toBe(column);
  });
});
