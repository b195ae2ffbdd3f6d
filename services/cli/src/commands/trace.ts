import { Command, InvalidArgumentError, Option } from 'commander';
import { type Cli, run } from '../output/cli.ts';
import { outputOption } from '../output/format.ts';
import type { TraceOptions } from '../trace/command.ts';

/** Rows found by `--where`, by default and at most. */
const limitDefault = 10;
const limitMax = 1_000;

/** A search by `--where` may take so long by default and at most, s. */
const timeoutSecondsDefault = 300;
const timeoutSecondsMax = 86_400;

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
    .option('--timeout-seconds <n>', 'with --where: stop the search after so long', wholeUpTo(timeoutSecondsMax), timeoutSecondsDefault)
    .option('--topic-id <id>', 'with --offset: incarnation of the topic; by default the newest that landed')
    .option('--topic <topic>', "the dataset's Kafka topic, when neither metastore nor table tell it")
    .option('--show-record', "print the record's key, headers and value too (cut at 1,000 bytes each)")
    .addOption(outputOption())
    .addHelpText(
      'after',
      "\nReads MILLRACE_RAW_URL, MILLRACE_TABLES_URL (S3 by the AWS SDK's variables); MILLRACE_METASTORE_URL when it answers, for why something waits." +
        '\nExit codes: 0 accounted for, or rows found; 1 there is no such record, it is nowhere or twice, or no row was found; 2 could not look.' +
        '\n\nExamples:\n  millrace trace orders --offset 0:1234\n  millrace trace orders --where "id = 42 AND customer.address.country = \'NO\'"',
    )
    .action((dataset: string, options: TraceOptions) =>
      run(cli, async () => {
        // stores and engines are loaded only by the commands that need them
        const { trace } = await import('../trace/command.ts');
        return trace(cli, dataset, options);
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
