import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { SourcePartition } from '@millrace/core/domain/source.ts';
import { Command, InvalidArgumentError } from 'commander';
import { readLakeSettings } from '../config.ts';
import type { ChainFault } from '../lake/chain-entries.ts';
import { findTopic } from '../lake/find-topic.ts';
import { type Lake, withLake } from '../lake/open-lake.ts';
import { readRawLines } from '../lake/raw-lines.ts';
import { incarnationsOf, sourcesOf } from '../lake/sources.ts';
import { type Cli, type ExitCode, run } from '../output/cli.ts';
import { outputOption, type Printed, showPages } from '../output/format.ts';
import { tablePaint } from '../output/paint.ts';
import { TextTable } from '../output/text-table.ts';
import { linesWithin, valuesOf } from '../raw/cat.ts';
import { entriesOf, type ListedEntry, listedPages } from '../raw/list-entries.ts';

type RangeOptions = { partition?: number; from?: bigint; to?: bigint; topicId?: string };

/** `millrace raw …` */
export function rawCommands(cli: Cli): Command {
  const raw = new Command('raw').description('look into the raw zone: what landed, as it landed');
  const ranged = (command: Command) =>
    command
      .option('--from <offset>', 'first offset', offset)
      .option('--to <offset>', 'offset behind the last one', offset)
      .option('--topic-id <id>', 'incarnation of the topic');
  ranged(
    raw
      .command('ls')
      .description('entries of the chains: claims, publications, gaps, in order')
      .argument('<name>', 'a dataset, or a topic')
      .option('--partition <P>', 'only of this partition', partitionNumber),
  )
    .addOption(outputOption())
    .addHelpText('after', '\nExit codes: 0 listed; 1 a chain is broken, which is said; 2 could not look. Offsets are half-open.')
    .action((name: string, options: RangeOptions & Printed) =>
      run(cli, () => inTopic(cli, name, (lake, topic) => list(cli, lake, topic, options))),
    );
  ranged(
    raw
      .command('cat')
      .description('lines as they are stored, or their values, to standard output')
      .argument('<name>', 'a dataset, or a topic')
      .requiredOption('--partition <P>', 'partition number', partitionNumber),
  )
    .option('--values', 'only the values, decoded to the bytes Kafka had, a line feed behind each; tombstones have none')
    .addHelpText(
      'after',
      '\nThe SHA-256 of every raw object is compared before a line of it is written. By default the newest incarnation of the topic.',
    )
    .action((name: string, options: RangeOptions & { partition: number; values?: boolean }) =>
      run(cli, () => inTopic(cli, name, (lake, topic) => cat(cli, lake, topic, options))),
    );
  return raw;
}

async function inTopic(cli: Cli, name: string, use: (lake: Lake, topic: string) => Promise<ExitCode>): Promise<ExitCode> {
  const settings = readLakeSettings(cli.env);
  return withLake(settings, async (lake) => use(lake, await findTopic(lake, name, settings.MILLRACE_METASTORE_URL)));
}

async function list(cli: Cli, { raw }: Lake, topic: string, options: RangeOptions & Printed): Promise<ExitCode> {
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

async function cat(
  cli: Cli,
  { raw }: Lake,
  topic: string,
  { partition, from, to, topicId: asked, values }: RangeOptions & { partition: number; values?: boolean },
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

function offset(text: string): bigint {
  if (!/^[0-9]{1,19}$/.test(text)) throw new InvalidArgumentError('It must be an offset.');
  return BigInt(text);
}

function partitionNumber(text: string): number {
  if (!/^[0-9]{1,5}$/.test(text)) throw new InvalidArgumentError('It must be a partition number.');
  return Number(text);
}
