import { describeError } from '@millrace/core/domain/errors.ts';
import { Command } from 'commander';
import { printAudit } from './audit.ts';
import { acceptCluster, listClusters } from './clusters.ts';
import { datasetStatus, listDatasets } from './datasets.ts';
import { type AcceptGapOptions, acceptGap, listGaps } from './gaps.ts';
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

const gaps = program.command('gaps').description('losses that wait for a decision (DATA_LOSS_SUSPECTED)');
gaps
  .command('list')
  .argument('<dataset>')
  .description('what is suspected, with the exact range, and what was accepted')
  .action((dataset: string) => answer(listGaps(dataset, process.env)));
gaps
  .command('accept')
  .argument('<dataset>')
  .description('accept a loss: phase 1 goes on behind it by itself')
  .requiredOption('--partition <P>', 'partition number')
  .requiredOption('--from <A>', 'first offset of the suspected range')
  .requiredOption('--to <B>', 'offset behind its last one')
  .requiredOption('--reason <TEXT>', 'your words, kept in chain and audit')
  .option('--topic-id <ID>', 'incarnation of the topic; by default the one that exists now')
  .action((dataset: string, options: AcceptGapOptions) => answer(acceptGap(dataset, options, process.env)));

const clusters = program.command('clusters').description('clusters that a topic may be landed from');
clusters
  .command('list')
  .argument('<dataset>')
  .description('a change of clusters that waits for a decision, and what was accepted')
  .action((dataset: string) => answer(listClusters(dataset, process.env)));
clusters
  .command('accept')
  .argument('<dataset>')
  .description('let landing go on from another cluster, as another source')
  .requiredOption('--cluster-id <ID>', 'the cluster the brokers are of now')
  .requiredOption('--reason <TEXT>', 'your words, kept in the audit')
  .action((dataset: string, options: { clusterId: string; reason: string }) => answer(acceptCluster(dataset, options, process.env)));

program
  .command('audit')
  .description('who changed what, and when')
  .option('--dataset <name>', 'only of this dataset')
  .action(async ({ dataset }: { dataset?: string }) => {
    const failed = await printAudit(dataset, process.env, print).catch((error: unknown) => describeError(error));
    if (typeof failed !== 'string') return;
    complain(failed);
    process.exitCode = 2;
  });

await program.parseAsync();
