import { discoverPartitions } from '@millrace/core/chain/discover.ts';
import { readIncarnations } from '@millrace/core/chain/incarnations.ts';
import { findTail } from '@millrace/core/chain/tail.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';
import type { ObjectStore } from '@millrace/core/ports/object-store.ts';
import { readLakeSettings } from '../config.ts';
import type { ChainFault } from '../lake/chain-entries.ts';
import { findTopic } from '../lake/find-topic.ts';
import { type Lake, withLake } from '../lake/open-lake.ts';
import { readRawLines } from '../lake/raw-lines.ts';
import { sourcesOf } from '../lake/sources.ts';
import type { Cli, ExitCode } from '../output/cli.ts';
import { type Printed, showPages } from '../output/format.ts';
import { tablePaint } from '../output/paint.ts';
import { TextTable } from '../output/text-table.ts';
import { linesWithin, valuesOf } from './cat.ts';
import { entriesOf, type ListedEntry, listedPages } from './list-entries.ts';

/** Which part of a topic: one partition or all, `[from, to)` of offsets, one incarnation. */
export type RangeOptions = { partition?: number; from?: bigint; to?: bigint; topicId?: string };
export type CatOptions = RangeOptions & { partition: number; values?: boolean };

async function inTopic(
  cli: Cli,
  name: string,
  { from, to }: RangeOptions,
  use: (lake: Lake, topic: string) => Promise<ExitCode>,
): Promise<ExitCode> {
  if (from !== undefined && to !== undefined && from >= to)
    throw new MillraceError('invalid', 'range_empty', `--from ${from} --to ${to} holds no offset: --to is the offset behind the last one`);
  const settings = readLakeSettings(cli.env);
  return withLake(settings, async (lake) => use(lake, await findTopic(lake, name, settings.MILLRACE_METASTORE_URL)));
}

/** A chain that is asked for and is not there is said. @returns whether there is one */
function hasChain(cli: Cli, topic: string, chains: readonly SourcePartition[], { partition, topicId }: RangeOptions): boolean {
  if (chains.length > 0) return true;
  const which = `${partition === undefined ? '' : ` of partition ${partition}`}${topicId === undefined ? '' : ` with topic id ${topicId}`}`;
  cli.complain(`${topic} has no chain${which}: nothing of it has landed. Those there are: millrace raw ls ${topic}`);
  return false;
}

/** A range that begins where a chain has not come to yet is said. */
async function sayRangesBehind(cli: Cli, raw: ObjectStore, topic: string, sources: readonly SourcePartition[], from: bigint | undefined) {
  for (const source of from === undefined ? [] : sources) {
    const end = (await findTail(raw, topic, source))?.endOffset;
    if (from !== undefined && end !== undefined && from >= end)
      cli.complain(`${topic}/${source.partition} (${source.topicId}) has landed up to ${end}: nothing from ${from} on is there yet`);
  }
}

/** `millrace raw ls`. @returns 1 when a chain is broken or there is none of what is asked for, which is said */
export const list = (cli: Cli, name: string, options: RangeOptions & Printed): Promise<ExitCode> =>
  inTopic(cli, name, options, (lake, topic) => listTopic(cli, lake, topic, options));

async function listTopic(cli: Cli, { raw }: Lake, topic: string, options: RangeOptions & Printed): Promise<ExitCode> {
  const sources = (await sourcesOf(raw, topic)).filter(
    ({ topicId, partition }) =>
      (options.topicId === undefined || topicId === options.topicId) &&
      (options.partition === undefined || partition === options.partition),
  );
  if (!hasChain(cli, topic, sources, options)) return 1;
  await sayRangesBehind(cli, raw, topic, sources, options.from);
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

/** `millrace raw cat`. Memory: one raw object. @returns 1 when there is no such chain, which is said. @throws kind `corrupt` before anything of a damaged object is written */
export const cat = (cli: Cli, name: string, options: CatOptions): Promise<ExitCode> =>
  inTopic(cli, name, options, (lake, topic) => catPartition(cli, lake, topic, options));

async function catPartition(
  cli: Cli,
  { raw }: Lake,
  topic: string,
  { partition, from, to, topicId: asked, values }: CatOptions,
): Promise<ExitCode> {
  const [newest, ...older] = (await readIncarnations(raw, topic)).map(({ topicId }) => topicId);
  const topicId = asked ?? newest;
  if (topicId === undefined) throw new MillraceError('invalid', 'nothing_landed', `nothing of ${topic} has landed`);
  if (asked === undefined && older.length > 0)
    cli.complain(`note: of the newest incarnation ${newest}; older ones by --topic-id ${older.join(' or ')}`);
  const source = { topicId, partition };
  const chains = (await discoverPartitions(raw, topic, topicId)).includes(partition) ? [source] : [];
  if (!hasChain(cli, topic, chains, { partition, topicId })) return 1;
  await sayRangesBehind(cli, raw, topic, chains, from);
  const stop = (fault: ChainFault) => {
    throw new MillraceError('corrupt', fault.code, fault.detail);
  };
  for await (const entry of entriesOf(raw, topic, source, { from, to }, stop))
    for (const object of entry.kind === 'data' ? entry.objects : []) {
      if ((from !== undefined && object.endOffset <= from) || (to !== undefined && object.startOffset >= to)) continue;
      const lines = linesWithin(await readRawLines(raw, object), from ?? 0n, to);
      if (values !== true) await cli.write(lines);
      else for (const piece of valuesOf(lines)) await cli.write(piece);
    }
  return 0;
}
