import { MillraceError } from '@millrace/core/domain/errors.ts';
import { Command, InvalidArgumentError, Option } from 'commander';
import { readLakeSettings } from '../config.ts';
import { requireDatasetName, withLake } from '../lake/open-lake.ts';
import { withTempFolder } from '../lake/temp-folder.ts';
import { type Cli, type ExitCode, run } from '../output/cli.ts';
import { outputOption, type Printed, show } from '../output/format.ts';
import { isAccountedFor } from '../trace/outcome.ts';
import { renderFound, renderTrace } from '../trace/render.ts';
import { traceData, traceOffset } from '../trace/trace-offset.ts';
import { traceWhere } from '../trace/trace-where.ts';

/** Rows found by `--where`, by default and at most. */
const limitDefault = 10;
const limitMax = 1_000;

type TraceOptions = Printed & {
  offset?: { partition: number; offset: bigint };
  where?: string;
  topic?: string;
  topicId?: string;
  limit: number;
  showRecord?: boolean;
};

/** `millrace trace <dataset> --offset P:O | --where PREDICATE` */
export function traceCommand(cli: Cli): Command {
  return new Command('trace')
    .description('where is this record: from Kafka offset to raw line, table row, quarantine, gap or drop rule; or from a row back to them')
    .argument('<dataset>', 'name of the dataset')
    .addOption(
      new Option('--offset <partition:offset>', 'follow one Kafka offset, e.g. 0:1234').argParser(partitionOffset).conflicts('where'),
    )
    .option('--where <predicate>', "find rows by an SQL condition on the table's columns, and go back to their raw lines")
    .option('--limit <n>', 'with --where: rows at most', wholeUpTo(limitMax), limitDefault)
    .option('--topic-id <id>', 'with --offset: incarnation of the topic; by default the newest that landed')
    .option('--topic <topic>', "the dataset's Kafka topic, when neither metastore nor table tell it")
    .option('--show-record', "print the record's key, headers and value too (cut at 1,000 bytes each)")
    .addOption(outputOption())
    .addHelpText(
      'after',
      "\nReads MILLRACE_RAW_URL, MILLRACE_TABLES_URL (S3 by the AWS SDK's variables); MILLRACE_METASTORE_URL when it answers, for why something waits." +
        '\nExit codes: 0 accounted for, or rows found; 1 the record is nowhere or twice, or no row found; 2 could not look.' +
        '\n\nExamples:\n  millrace trace orders --offset 0:1234\n  millrace trace orders --where "id = 42 AND customer.country = \'NO\'"',
    )
    .action((dataset: string, options: TraceOptions) => run(cli, () => trace(cli, dataset, options)));
}

async function trace(cli: Cli, dataset: string, options: TraceOptions): Promise<ExitCode> {
  requireDatasetName(dataset);
  const { offset: asked, where, limit, output } = options;
  const withRecord = options.showRecord === true;
  const settings = readLakeSettings(cli.env);
  if (where === undefined && asked === undefined)
    throw new MillraceError('invalid', 'nothing_to_trace', 'give --offset <partition>:<offset> or --where <predicate>');
  return await withTempFolder((folder) =>
    withLake(settings, async (lake): Promise<ExitCode> => {
      if (where !== undefined) {
        const answer = await traceWhere(lake, { dataset, where, limit, withRecord, folder });
        const { rows, more, tableVersion } = answer;
        await show(cli, output, { dataset, where, ...answer }, () =>
          rows.length === 0
            ? `no row of version ${tableVersion}`
            : `${renderFound(cli, rows, withRecord)}${more ? `\nthe first ${rows.length}; --limit says how many` : ''}`,
        );
        return rows.length > 0 ? 0 : 1;
      }
      const { partition, offset } = asked ?? { partition: 0, offset: 0n };
      const metastoreUrl = settings.MILLRACE_METASTORE_URL;
      const found = await traceOffset(lake, {
        dataset,
        topic: options.topic,
        topicId: options.topicId,
        partition,
        offset,
        metastoreUrl,
        folder,
      });
      await show(cli, output, traceData(found, withRecord), () => renderTrace(cli, found, withRecord));
      return isAccountedFor(found.outcome) ? 0 : 1;
    }),
  );
}

function partitionOffset(text: string): { partition: number; offset: bigint } {
  const [, partition, offset] = /^([0-9]{1,5}):([0-9]{1,19})$/.exec(text) ?? [];
  if (partition === undefined || offset === undefined) throw new InvalidArgumentError('Write it as partition:offset, e.g. 0:1234.');
  return { partition: Number(partition), offset: BigInt(offset) };
}

function wholeUpTo(max: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
    if (value < 1 || value > max) throw new InvalidArgumentError(`It must be a number from 1 to ${max}.`);
    return value;
  };
}
