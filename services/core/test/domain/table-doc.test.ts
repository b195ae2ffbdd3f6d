import { readFileSync } from 'node:fs';
import { encodeStored, parseStored } from '@millrace/core/domain/chain.ts';
import { escapeName, unescapeName } from '@millrace/core/domain/column-names.ts';
import { ledger, ledgerFormat, quarantineSegment, tableStart } from '@millrace/core/domain/ledger.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

/* docs/formats/table.md: its examples go through the schemas the services use, its names through the rule they use. */

const page = readFileSync(new URL('../../../../docs/formats/table.md', import.meta.url), 'utf8');
const example = (info: string): string => new RegExp(`^\`\`\`json ${info}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(page)?.[1] ?? '';

const stored = { ledger, segment: quarantineSegment, tableStart };

describe('docs/formats/table.md', () => {
  test.each(Object.entries(stored))('the example of a %s: read and written again it is the same JSON', (info, schema) => {
    const value = parseStored(schema, new TextEncoder().encode(example(info)), info, ledgerFormat);
    expect(JSON.parse(new TextDecoder().decode(encodeStored(schema, value as never)))).toEqual(JSON.parse(example(info)));
  });

  test('the ledger of the example obeys the law', () => {
    for (const part of ledger.decode(JSON.parse(example('ledger'))).partitions) {
      const sums = [part.quarantined, part.dropped, part.gaps].flatMap((counts) => Object.values(counts) as bigint[]);
      expect(part.committed + sums.reduce((a, b) => a + b, 0n)).toBe(part.position - part.startOffset);
    }
  });
});

test('names on the page', () => {
  const section = page.slice(page.indexOf('## 4.'), page.indexOf('## 5.'));
  const rows = [...section.matchAll(/^\| `([^`]+)` \| `([^`]+)` \| [^|]*\|$/gm)].map(
    (match) => [match[1] as string, match[2] as string] as const,
  );
  expect(rows.length).toBeGreaterThanOrEqual(6);
  for (const [name, column] of rows) {
    expect(escapeName(name, () => false)).toBe(column);
    expect(unescapeName(column)).toBe(name);
  }
  expect(escapeName('😀a', (taken) => taken === '😀a')).toBe('_xD83D__xDE00_a');
});

const fieldNames = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.stringMatching(/^[_xX0-9a-f ;]{0,12}$/),
  fc.constantFrom('', '_x_', '_X_', '_x0041_', '_x00 41_', '__proto__'),
);

test('every name can be undone, is one Delta takes, and no two names of a struct end as one column, ignoring case', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fieldNames, { maxLength: 30 }), (fields) => {
      const taken = new Set<string>();
      for (const name of fields) {
        const column = escapeName(name, (candidate) => taken.has(candidate));
        expect(unescapeName(column)).toBe(name);
        expect(column).not.toMatch(/[ ,;{}()\n\t=]|^$/);
        expect(column.isWellFormed()).toBe(true);
        expect(taken.has(column.toLowerCase())).toBe(false);
        taken.add(column.toLowerCase());
      }
    }),
  );
});
