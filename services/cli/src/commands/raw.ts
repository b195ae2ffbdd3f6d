import { Command, InvalidArgumentError } from 'commander';
import { type Cli, run } from '../output/cli.ts';
import { outputOption, type Printed } from '../output/format.ts';
import type { CatOptions, RangeOptions } from '../raw/command.ts';

/** `millrace raw …` */
export function rawCommands(cli: Cli): Command {
  // stores and engines are loaded only by the commands that need them
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
    .addHelpText(
      'after',
      '\nExit codes: 0 listed; 1 a chain is broken or there is none, which is said; 2 could not look. Offsets are half-open.',
    )
    .action((name: string, options: RangeOptions & Printed) =>
      run(cli, async () => (await import('../raw/command.ts')).list(cli, name, options)),
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
      '\nThe SHA-256 of every raw object is compared before a line of it is written. By default the newest incarnation of the topic.' +
        '\nExit codes: 0 written; 1 there is no such chain, which is said; 2 could not read.',
    )
    .action((name: string, options: CatOptions) => run(cli, async () => (await import('../raw/command.ts')).cat(cli, name, options)));
  return raw;
}

function offset(text: string): bigint {
  if (!/^[0-9]{1,19}$/.test(text)) throw new InvalidArgumentError('It must be an offset.');
  return BigInt(text);
}

function partitionNumber(text: string): number {
  if (!/^[0-9]{1,5}$/.test(text)) throw new InvalidArgumentError('It must be a partition number.');
  return Number(text);
}
