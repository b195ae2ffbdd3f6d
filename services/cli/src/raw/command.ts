import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';
import { readLakeSettings } from '../config.ts';
import type { ChainFault } from '../lake/chain-entries.ts';
import { findTopic } from '../lake/find-topic.ts';
import { type Lake, withLake } from '../lake/open-lake.ts';
import { readRawLines } from '../lake/raw-lines.ts';
import { incarnationsOf, sourcesOf } from '../lake/sources.ts';
import type { Cli, ExitCode } from '../output/cli.ts';
import { type Printed, showPages } from '../output/format.ts';
import { tablePaint } from '../output/paint.ts';
import { TextTable } from '../output/text-table.ts';
import { linesWithin, valuesOf } from './cat.ts';
import { entriesOf, type ListedEntry, listedPages } from './list-entries.ts';

/** Which part of a topic: one partition or all, `[from, to)` of offsets, one incarnation. */
export type RangeOptions = { partition?: number; from?: bigint; to?: bigint; topicId?: string };
export type CatOptions = RangeOptions & { partition: number; values?: boolean };

async function inTopic(cli: Cli, name: string, use: (lake: Lake, topic: string) => Promise<ExitCode>): Promise<ExitCode> {
  const settings = readLakeSettings(cli.env);
  return withLake(settings, async (lake) => use(lake, await findTopic(lake, name, settings.MILLRACE_METASTORE_URL)));
}

/** `millrace raw ls`. @returns 1 when a chain is broken, which is said */
export const list = (cli: Cli, name: string, options: RangeOptions & Printed): Promise<ExitCode> =>
  inTopic(cli, name, (lake, topic) => listTopic(cli, lake, topic, options));

async function listTopic(cli: Cli, { raw }: Lake, topic: string, options: RangeOptions & Printed): Promise<ExitCode> {
  const sources = (await sourcesOf(raw, topic)).filter(
    ({ topicId, partition }) =>
      (options.topicId === undefined || topicId === options.topicId) &&
      (options.partition === undefined || partition === options.partition),
  );
  let broken: ExitCode = 0;
  const fault = ({ topicId, partition }: SourcePartition, { code, detail }: ChainFault) => {
    broken = 1;
    cli.complain(`${topic}/${partition} (${topicId}): ${code}: ${detail}`);
  };
  const table = new TextTable(['partition', 'seq', 'kind', 'from', 'to', 'records', 'bytes', 'epoch', 'time', 'object'], tablePaint(cli));
  const pages = listedPages(raw, topic, sources, { from: options.from, to: options.to }, fault);
  await showPages(cli, options.output, pages, (page) => table.page(page.flatMap(rows)));
  return broken;
}

/** A row for each object of an entry; one for an entry without. Pure. */
function rows(entry: ListedEntry): string[][] {
  const at = `${entry.topicId}/${entry.partition}`;
  const row = (part: { startOffset: bigint; endOffset: bigint; records: number; bytes: number }, what: string) => [
    at,
    `${entry.seq}`,
    entry.kind,
    `${part.startOffset}`,
    `${part.endOffset}`,
    `${part.records}`,
    `${part.bytes}`,
    `${entry.epoch}`,
    entry.at,
    what,
  ];
  const causes = [...new Set(entry.gaps.map(({ cause }) => cause))].join(', ');
  if (entry.objects.length === 0)
    return [row(entry, entry.reason === null ? causes : `${causes}${causes === '' ? '' : ': '}${entry.reason}`)];
  return entry.objects.map((object) => row(object, object.key));
}

/** `millrace raw cat`. Memory: one raw object. @throws kind `corrupt` before anything of a damaged object is written */
export const cat = (cli: Cli, name: string, options: CatOptions): Promise<ExitCode> =>
  inTopic(cli, name, (lake, topic) => catPartition(cli, lake, topic, options));

async function catPartition(
  cli: Cli,
  { raw }: Lake,
  topic: string,
  { partition, from, to, topicId: asked, values }: CatOptions,
): Promise<ExitCode> {
  const [newest, ...older] = await incarnationsOf(raw, topic);
  const topicId = asked ?? newest;
  if (topicId === undefined) throw new MillraceError('invalid', 'nothing_landed', `nothing of ${topic} has landed`);
  if (asked === undefined && older.length > 0)
    cli.complain(`note: of the newest incarnation ${newest}; older ones by --topic-id ${older.join(' or ')}`);
  const stop = (fault: ChainFault) => {
    throw new MillraceError('corrupt', fault.code, fault.detail);
  };
  for await (const entry of entriesOf(raw, topic, { topicId, partition }, { from, to }, stop))
    for (const object of entry.kind === 'data' ? entry.objects : []) {
      if ((from !== undefined && object.endOffset <= from) || (to !== undefined && object.startOffset >= to)) continue;
      const lines = linesWithin(await readRawLines(raw, object), from ?? 0n, to);
      if (values !== true) await cli.write(lines);
      else for (const piece of valuesOf(lines)) await cli.write(piece);
    }
  return 0;
}
