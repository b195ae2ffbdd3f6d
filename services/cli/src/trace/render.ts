import type { Cli, Style } from '../output/cli.ts';
import { textTable } from '../output/text-table.ts';
import { unreadableWord } from './locate-raw.ts';
import type { Outcome } from './outcome.ts';
import { type OffsetTrace, traceData } from './trace-offset.ts';

const outcomeStyles: Readonly<Record<Outcome, Style>> = {
  row: 'green',
  quarantined: 'yellow',
  dropped: 'yellow',
  gap: 'yellow',
  pending: 'yellow',
  not_landed: 'yellow',
  no_such_record: 'red',
  before_start: 'yellow',
  twice: 'red',
  missing: 'red',
};

/** What `millrace trace --offset` prints: the answer, then each place on the way. Pure but for the colours. */
export function renderTrace(cli: Cli, trace: OffsetTrace, withRecord: boolean): string {
  const data = traceData(trace, withRecord);
  const lines: [name: string, text: string][] = [];
  const { raw, place } = trace;
  if (raw.kind === 'record' && data.record !== null) {
    const { timestamp, headers, keyBytes, valueBytes } = data.record;
    const time = timestamp === null ? 'no timestamp' : isoTime(timestamp);
    const key = keyBytes === null ? 'no key' : `key of ${counted(keyBytes, 'byte')}`;
    const value = valueBytes === null ? 'tombstone' : `value of ${counted(valueBytes, 'byte')}`;
    lines.push(['record', `${time}, ${key}, ${counted(headers, 'header')}, ${value}`]);
    if (withRecord) {
      lines.push(['key', printable(data.record.key ?? null)], ['value', printable(data.record.value ?? null)]);
      for (const [name, held] of data.record.headerValues ?? [])
        lines.push(['header', `${printable(name ?? null)}: ${printable(held ?? null)}`]);
    }
    lines.push(['raw', `${trace.rawUrl}/${raw.object.key} line ${raw.line} (from 0)`]);
  }
  if (raw.kind === 'unreadable') lines.push(['raw', `${unreadableWord(raw.code)}: ${raw.why}`]);
  if (data.chain !== null) {
    const { seq, kind, startOffset, endOffset, epoch, attemptId, writer, createdAt } = data.chain;
    lines.push([
      'chain',
      `entry ${seq} (${kind}) [${startOffset}, ${endOffset}), epoch ${epoch}, ${createdAt} by ${writer}, attempt ${attemptId}`,
    ]);
  }
  if (data.gap !== null)
    lines.push([
      'gap',
      `[${data.gap.startOffset}, ${data.gap.endOffset}) ${data.gap.cause}${data.gap.reason === null ? '' : `: ${data.gap.reason}`}`,
    ]);
  if (place?.commit !== undefined) {
    const { version, exact, at, attemptId } = place.commit;
    lines.push([
      'commit',
      `table version ${version}${exact ? '' : ' or older'}${at === null ? '' : `, ${at}`}, attempt ${attemptId ?? '?'}`,
    ]);
  }
  for (const { file, row } of place?.rows ?? [])
    lines.push(['row', `${trace.tableUrl}/${file}${row === null ? '' : ` row ${row} (from 0)`}`]);
  if (place?.quarantine !== undefined) {
    const { segment, pointer } = place.quarantine;
    lines.push(
      ['quarantine', `stage ${pointer.stage}, ${pointer.reason}${pointer.detail === '' ? '' : `: ${printable(pointer.detail)}`}`],
      [
        'pointer',
        `${trace.tableUrl}/${segment}: lines [${pointer.startLine}, ${pointer.endLine}) of ${pointer.rawObject}, offsets [${pointer.startOffset}, ${pointer.endOffset})`,
      ],
    );
  }
  const { state, position } = { state: trace.view.state, position: place?.position };
  lines.push([
    'table',
    state === undefined
      ? `no table at ${trace.tableUrl} yet`
      : `${trace.tableUrl} at version ${state.version}${position === undefined ? '' : `, position ${position}`}`,
  ]);
  if (
    trace.status?.nextAction !== undefined &&
    trace.status.nextAction !== null &&
    (trace.outcome === 'pending' || trace.outcome === 'not_landed')
  )
    lines.push(['next', trace.status.nextAction]);
  if (raw.kind === 'record')
    lines.push([
      'read it',
      `millrace raw cat ${trace.dataset} --partition ${trace.source.partition} --from ${trace.offset} --to ${trace.offset + 1n}${trace.otherTopicIds.length === 0 ? '' : ` --topic-id ${trace.source.topicId}`}`,
    ]);
  if (trace.otherTopicIds.length > 0)
    lines.push(['note', `the topic was made again: other incarnations by --topic-id ${trace.otherTopicIds.join(' or ')}`]);
  const width = Math.max(...lines.map(([name]) => name.length));
  return [
    `${trace.topic}/${trace.source.partition} offset ${trace.offset}: ${cli.paint(outcomeStyles[trace.outcome], trace.outcome)}, ${trace.why}`,
    ...lines.map(([name, text]) => `  ${cli.paint('bold', name.padEnd(width))}  ${text}`),
  ].join('\n');
}

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

const isoTime = (ms: number): string => (Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`);

/** Text without what a terminal would act on. Pure. */
export const printable = (text: string | null): string =>
  text === null ? 'null' : text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** A row found by its data, with where it came from. */
export type FoundRecord = {
  topic: string;
  topicId: string;
  partition: number;
  offset: bigint;
  timestamp: number | null;
  key: string | null;
  /** raw object and zero-based line; null when the raw zone does not hold it any more, or it is damaged */
  object: string | null;
  /** code of what is wrong with the raw object; null for nothing */
  rawProblem: string | null;
  line: number | null;
  seq: bigint | null;
  attemptId: string | null;
  /** data file as it stands in the table's log, and zero-based row in it */
  file: string;
  row: bigint | null;
  value?: string | null;
};

/** What `millrace trace --where` prints: a line a record, then its value when asked for. Pure but for the colours. */
export function renderFound(cli: Cli, found: readonly FoundRecord[], withRecord: boolean): string {
  const head = ['topic', 'partition', 'offset', 'timestamp', 'key', 'raw object', 'line', 'file', 'row'];
  const rows = found.map((one) => [
    one.topic,
    `${one.partition}`,
    `${one.offset}`,
    one.timestamp === null ? '-' : isoTime(one.timestamp),
    printable(one.key),
    one.object ?? unreadableWord(one.rawProblem ?? 'raw_object_missing'),
    one.line === null ? '-' : `${one.line}`,
    one.file,
    one.row === null ? '-' : `${one.row}`,
    ...(withRecord ? [printable(one.value ?? null)] : []),
  ]);
  return textTable(withRecord ? [...head, 'value'] : head, rows, {
    head: (cell) => cli.paint('bold', cell),
    cell: (cell) => cell,
  });
}
