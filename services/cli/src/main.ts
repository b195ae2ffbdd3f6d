import { describeError } from '@millrace/core/domain/errors.ts';
import { Command } from 'commander';
import { datasetStatus, listDatasets } from './datasets.ts';
import { verifyCommand } from './verify/command.ts';

const print = (text: string) => void process.stdout.write(`${text}\n`);
const complain = (text: string) => void process.stderr.write(`${text}\n`);

/** Runs a question to the metastore; an answer is printed, a failure said with exit code 2. */
async function answer(question: Promise<string>): Promise<void> {
  try {
    print(await question);
  } catch (error) {
    complain(describeError(error));
    process.exitCode = 2;
  }
}

const program = new Command('millrace')
  .description('Kafka topics into lake tables, with every record accounted for')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

program
  .command('verify')
  .argument('<dataset>', 'name of the dataset')
  .description(
    'prove that every offset is in the table once, or where it waits and why; exit 0 no difference, 1 differences, 2 could not check',
  )
  .option('--against-kafka', 'also compare raw, record by record, with what Kafka still holds')
  .option('--topic <topic>', "the dataset's Kafka topic, when the metastore is away")
  .addHelpText(
    'after',
    "\nReads MILLRACE_RAW_URL, MILLRACE_TABLES_URL (S3 by the AWS SDK's variables), MILLRACE_METASTORE_URL; with --against-kafka KAFKA_BROKERS and KAFKA_PROPERTIES.",
  )
  .action(async (dataset: string, options: { againstKafka?: boolean; topic?: string }) => {
    process.exitCode = await verifyCommand(dataset, options, process.env, print, complain);
  });

const datasets = program.command('datasets').description('ask the metastore (MILLRACE_METASTORE_URL) about datasets');
datasets
  .command('list')
  .description('all datasets')
  .action(() => answer(listDatasets(process.env)));
datasets
  .command('status')
  .argument('<name>')
  .description('state, positions and lag of one dataset')
  .action((name: string) => answer(datasetStatus(name, process.env)));

await program.parseAsync();
