import { sha256Hex } from '@millrace/core/delta/sha256.ts';
import type { Column } from '@millrace/core/domain/table-schema.ts';
import { z } from 'zod';
import { encodeSchemaString } from './schema-string.ts';

/** The part of a table's metadata that only we may write. `facts` are the `millrace.*` configuration entries, the mark itself aside. */
export type OwnMetadata = { columns: readonly Column[]; partitionColumns: readonly string[]; facts: Readonly<Record<string, string>> };

const writtenMark = z.strictObject({
  /** name and hash of each top-level column, in order */
  columns: z.array(z.tuple([z.string(), z.string()])),
  partitionColumns: z.array(z.string()),
  facts: z.string(),
});

/** Hex digits kept of a hash: it finds changes, it guards against nobody. */
const hashLength = 12;
/** Changes a sentence names. */
const changesShownMax = 10;

/** What we wrote, in short: kept in the table, it tells after any restart whether somebody else changed the table since, and what. Pure. */
export function markOf({ columns, partitionColumns, facts }: OwnMetadata): string {
  const entries = Object.entries(facts).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify({
    columns: columns.map((column) => [column.name, hashOf(encodeSchemaString([column]))]),
    partitionColumns,
    facts: hashOf(JSON.stringify(entries)),
  });
}

/** What is not as `mark` says it was written, in words; empty when all is. Pure. */
export function changesSince(mark: string, now: OwnMetadata): string[] {
  const current = markOf(now);
  if (current === mark) return [];
  const before = parseMark(mark);
  if (before === undefined) return ['what Millrace noted about it cannot be read'];
  const after = writtenMark.parse(JSON.parse(current));
  const names = (columns: readonly (readonly [string, string])[]) => columns.map(([name]) => name);
  const wasHash = new Map(before.columns);
  const isHash = new Map(after.columns);
  const changes = [
    ...before.columns.filter(([name]) => !isHash.has(name)).map(([name]) => `column ${name} is gone`),
    ...after.columns.filter(([name]) => !wasHash.has(name)).map(([name]) => `column ${name} was added`),
    ...after.columns
      .filter(([name, hash]) => wasHash.has(name) && wasHash.get(name) !== hash)
      .map(([name]) => `column ${name} was changed`),
  ];
  if (changes.length === 0 && JSON.stringify(names(before.columns)) !== JSON.stringify(names(after.columns)))
    changes.push('the columns are in another order');
  const [was, is] = [JSON.stringify(before.partitionColumns), JSON.stringify(after.partitionColumns)];
  if (was !== is) changes.push(`the partition columns were ${was} and are ${is}`);
  if (before.facts !== after.facts) changes.push('the millrace.* configuration was changed');
  if (changes.length <= changesShownMax) return changes;
  return [...changes.slice(0, changesShownMax), `and ${changes.length - changesShownMax} more`];
}

function parseMark(mark: string): z.output<typeof writtenMark> | undefined {
  try {
    return writtenMark.parse(JSON.parse(mark));
  } catch {
    return undefined;
  }
}

const hashOf = (text: string) => sha256Hex(new TextEncoder().encode(text)).slice(0, hashLength);
