import { MillraceError } from '@millrace/core/domain/errors.ts';
import { scopedStore } from '@millrace/core/stores/scoped-store.ts';
import type { Lake } from '../lake/open-lake.ts';
import { viewTable } from '../lake/table-view.ts';
import { RawLocator } from './locate-raw.ts';
import type { FoundRecord } from './render.ts';
import { searchTable } from './search-table.ts';
import { bytesText } from './trace-offset.ts';

/** What was found by a predicate. `more`: the limit was reached, there may be others. */
export type WhereAnswer = { tableVersion: bigint; rows: FoundRecord[]; filesRead: number; more: boolean };

/**
 * From rows of a table back to their raw lines and Kafka coordinates. Only reads.
 * @param folder existing directory for copies of data files
 * @throws kind `invalid`, code `bad_predicate`, `search_too_long` or `no_table`
 */
export async function traceWhere(
  { raw, tables }: Lake,
  question: { dataset: string; where: string; limit: number; timeoutSeconds: number; withRecord: boolean; folder: string },
): Promise<WhereAnswer> {
  const view = await viewTable(scopedStore(tables, question.dataset));
  if (view.state === undefined) throw new MillraceError('invalid', 'no_table', `there is no table at ${view.table.url} yet`);
  const { rows, filesRead } = await searchTable(view, question.where, question.limit, question.timeoutSeconds, question.folder);
  // neighbours lie in the same raw object
  rows.sort((a, b) =>
    a.topicId === b.topicId ? a.partition - b.partition || Number(a.offset - b.offset) : a.topicId < b.topicId ? -1 : 1,
  );
  const found: FoundRecord[] = [];
  const locators = new Map<string, RawLocator>();
  for (const { topic, topicId, partition, offset, file, row } of rows) {
    const locator = locators.get(topic) ?? new RawLocator(raw, topic);
    locators.set(topic, locator);
    // raw objects may be removed by retention while their rows stay: then only the coordinates are left
    const place = await locator.locate({ topicId, partition }, offset);
    const landed = place.kind === 'record' ? place : undefined;
    const entry = 'entry' in place ? place.entry : undefined;
    found.push({
      topic,
      topicId,
      partition,
      offset,
      timestamp: landed?.record.timestamp ?? null,
      key: bytesText(landed?.record.key ?? null),
      object: landed?.object.key ?? null,
      rawProblem: place.kind === 'unreadable' ? place.code : null,
      line: landed?.line ?? null,
      seq: entry?.seq ?? null,
      attemptId: entry?.attemptId ?? null,
      file,
      row,
      ...(question.withRecord ? { value: bytesText(landed?.record.value ?? null) } : {}),
    });
  }
  return { tableVersion: view.state.version, rows: found, filesRead, more: rows.length >= question.limit };
}
