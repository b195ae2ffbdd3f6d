import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import type { DatasetStatus, MetastoreClient } from '@millrace/metastore/client/client.ts';
import { Command, InvalidArgumentError, Option } from 'commander';
import { metastoreOf } from '../metastore.ts';
import { type Cli, run } from '../output/cli.ts';
import { outputOption, type Printed, show } from '../output/format.ts';
import { paintWord, tablePaint } from '../output/paint.ts';
import { textTable } from '../output/text-table.ts';
import { silenceSentence, withKnownEnds } from '../status/known-ends.ts';
import { type CreateFlags, describedDataset, readText } from './dataset-file.ts';

/** `--if-version`: the command is carried out only at that version. */
type Guarded = { ifVersion?: number };

/** `millrace datasets …` */
export function datasetsCommands(cli: Cli): Command {
  const datasets = new Command('datasets').description(
    'datasets of the metastore (MILLRACE_METASTORE_URL): look, make, pause, resume, delete',
  );
  datasets
    .command('list')
    .description('all datasets')
    .addOption(outputOption())
    .action(({ output }: Printed) =>
      run(cli, async () => {
        const all = await metastoreOf(cli.env).datasets();
        await show(cli, output, all, () => listText(cli, all));
        return 0;
      }),
    );
  const printsDataset = (command: Command, ask: (metastore: MetastoreClient, name: string, options: never) => Promise<Dataset>) =>
    command.addOption(outputOption()).action((name: string, options: Printed) =>
      run(cli, async () => {
        const dataset = await ask(metastoreOf(cli.env), name, options as never);
        await show(cli, options.output, dataset, () => datasetText(cli, dataset));
        return 0;
      }),
    );
  const ifVersion = () => new Option('--if-version <n>', 'only if the dataset is at this version (If-Match)').argParser(version);

  printsDataset(datasets.command('get').argument('<name>').description('one dataset as it is configured'), (metastore, name) =>
    metastore.dataset(name),
  );
  createCommand(cli, datasets);
  datasets
    .command('status')
    .argument('<name>')
    .description('state, positions and lag of one dataset')
    .addOption(outputOption())
    .action((name: string, { output }: Printed) =>
      run(cli, async () => {
        const status = withKnownEnds(await metastoreOf(cli.env).status(name));
        await show(cli, output, status, () => statusText(cli, status));
        const silence = silenceSentence([status]);
        if (silence !== undefined) cli.complain(silence);
        return 0;
      }),
    );
  printsDataset(
    datasets.command('pause').argument('<name>').description('stop the table, not the landing').addOption(ifVersion()),
    async (metastore, name, options: Guarded) => metastore.pause(name, await seen(metastore, name, options)),
  );
  printsDataset(
    datasets
      .command('resume')
      .argument('<name>')
      .description('go on; a blocked dataset is looked at again')
      .addOption(
        new Option('--breaking <decision>', 'decide a breaking schema change: set the records that do not fit aside').choices([
          'quarantine',
        ]),
      )
      .addOption(ifVersion()),
    async (metastore, name, { breaking, ...options }: Guarded & { breaking?: 'quarantine' }) =>
      metastore.resume(name, breaking === undefined ? undefined : { breaking }, await seen(metastore, name, options)),
  );
  datasets
    .command('delete')
    .argument('<name>')
    .description('stop working on it and forget its configuration; raw zone and table stay')
    .option('--yes', 'really')
    .addOption(ifVersion())
    .addOption(outputOption())
    .action((name: string, { output, yes, ...options }: Guarded & { yes?: boolean } & Printed) =>
      run(cli, async () => {
        const metastore = metastoreOf(cli.env);
        const found = (await seen(metastore, name, options)) ?? (await metastore.dataset(name));
        if (yes !== true)
          throw new MillraceError(
            'invalid',
            'not_confirmed',
            `nothing was deleted. ${name} (topic ${found.kafkaTopic}, ${found.state}, version ${found.version}) is deleted with: millrace datasets delete ${name} --yes`,
          );
        await metastore.deleteDataset(name, found);
        await show(cli, output, { deleted: found }, () => `deleted: ${name}; what landed and the table stay where they are`);
        return 0;
      }),
    );
  return datasets;
}

function createCommand(cli: Cli, datasets: Command): void {
  datasets
    .command('create')
    .argument('[name]', 'name of the dataset, which is also the name of its table')
    .description('make a dataset, from flags or from a file; flags win')
    .option('--topic <topic>', 'Kafka topic')
    .option('-f, --file <file>', 'YAML or JSON as the API takes it; - is standard input')
    .addOption(new Option('--mode <mode>', 'how rows are written').choices(['append', 'upsert']))
    .addOption(new Option('--start-from <where>', 'where landing begins on a topic that is not landed yet').choices(['earliest', 'latest']))
    .option('--pk <fields>', 'key fields, separated by commas', list)
    .option('--partition-by <keys>', 'partition keys, separated by commas, e.g. day(_source_timestamp)', list)
    .addOption(outputOption())
    .action((name: string | undefined, { output, file, ...flags }: CreateFlags & { file?: string } & Printed) =>
      run(cli, async () => {
        const input = describedDataset(name, flags, file === undefined ? undefined : { path: file, text: await readText(file) });
        const made = await metastoreOf(cli.env).createDataset(input);
        await show(cli, output, made, () => datasetText(cli, made));
        return 0;
      }),
    );
}

/** The dataset to be changed, when it has to be at one version. @throws kind `conflict`, code `other_version` */
async function seen(metastore: MetastoreClient, name: string, { ifVersion }: Guarded): Promise<Dataset | undefined> {
  if (ifVersion === undefined) return undefined;
  const found = await metastore.dataset(name);
  if (found.version !== ifVersion)
    throw new MillraceError('conflict', 'other_version', `${name} is at version ${found.version}, not ${ifVersion}: nothing was changed`);
  return found;
}

const list = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

function version(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a version: 1, 2, …');
  return Number(text);
}

function listText(cli: Cli, datasets: readonly Dataset[]): string {
  if (datasets.length === 0) return 'no datasets';
  return textTable(
    ['name', 'topic', 'mode', 'state', 'version'],
    datasets.map((dataset) => [dataset.name, dataset.kafkaTopic, dataset.mode, dataset.state, String(dataset.version)]),
    tablePaint(cli),
  );
}

/** One member a line. */
function datasetText(cli: Cli, dataset: Dataset): string {
  const keys = (fields: readonly string[]) => (fields.length === 0 ? '-' : fields.join(', '));
  const members: [string, string][] = [
    ['name', dataset.name],
    ['topic', dataset.kafkaTopic],
    ['state', paintWord(cli, dataset.state)],
    ['mode', `${dataset.mode}, ${dataset.format}`],
    ['key fields', keys(dataset.pkFields)],
    ['partition keys', keys(dataset.partitionKeys)],
    ['start from', dataset.startFrom],
    ['version', String(dataset.version)],
    ['decisions', String(dataset.decisions.length + (dataset.acceptances?.length ?? 0))],
    ['created', dataset.createdAt],
    ['id', dataset.id],
  ];
  const width = Math.max(...members.map(([name]) => name.length));
  return members.map(([name, text]) => `${cli.paint('bold', name.padEnd(width))}  ${text}`).join('\n');
}

/** The status for people. Pure but for the colours. */
export function statusText(cli: Cli, status: DatasetStatus): string {
  const rows = status.partitions.map((partition) => [
    `${partition.topicId}/${partition.partition}`,
    String(partition.landed),
    String(partition.committed),
    `${partition.end ?? '-'}`,
    `${partition.lagRecords ?? '-'}`,
  ]);
  const lines = [`${status.name}: ${paintWord(cli, status.state)}${status.reason === null ? '' : `, ${status.reason}`}`];
  if (status.nextAction !== null) lines.push(`next: ${status.nextAction}`);
  lines.push(`last commit: ${status.lastCommit === null ? 'none' : `version ${status.lastCommit.version} at ${status.lastCommit.at}`}`);
  if (status.lagSeconds !== null && status.lagSeconds > 0)
    lines.push(`everything Kafka got up to ${status.lagSeconds} s ago is in the table; what waits may be younger`);
  return `${lines.join('\n')}\n${textTable(['partition', 'landed', 'committed', 'end', 'lag'], rows, tablePaint(cli))}`;
}
