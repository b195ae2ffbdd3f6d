import { Command } from 'commander';
import { type Cli, run } from '../output/cli.ts';
import { outputOption, type Printed } from '../output/format.ts';
import type { VerifyOptions } from '../verify/command.ts';

/** `millrace verify <dataset>` */
export function verifyCommand(cli: Cli): Command {
  return new Command('verify')
    .argument('<dataset>', 'name of the dataset')
    .description(
      'prove that every offset is in the table once, or where it waits and why; exit 0 no difference, 1 differences, 2 could not check',
    )
    .option('--against-kafka', 'also compare raw, record by record, with what Kafka still holds')
    .option('--topic <topic>', "the dataset's Kafka topic, when the metastore is away")
    .addOption(outputOption())
    .addHelpText(
      'after',
      "\nReads MILLRACE_RAW_URL, MILLRACE_TABLES_URL (S3 by the AWS SDK's variables), MILLRACE_METASTORE_URL; with --against-kafka KAFKA_BROKERS and KAFKA_PROPERTIES.",
    )
    .action((dataset: string, options: VerifyOptions & Printed) =>
      run(cli, async () => {
        const { verifyCommand: verify } = await import('../verify/command.ts');
        let report = '';
        const keep = (text: string) => {
          report = `${text}\n`;
        };
        const code = await verify(dataset, options, cli.env, keep, cli.complain);
        await cli.write(report);
        return code;
      }),
    );
}
