import type { Dataset } from '@millrace/core/domain/dataset.ts';
import type { DatasetStatus } from '@millrace/metastore/client/client.ts';
import { Command } from 'commander';
import { metastoreOf } from '../metastore.ts';
import { type Cli, run } from '../output/cli.ts';
import { outputOption, type Printed, show } from '../output/format.ts';
import { paintWord, tablePaint } from '../output/paint.ts';
import { textTable } from '../output/text-table.ts';

/** `millrace datasets …` */
export function datasetsCommands(cli: Cli): Command {
  const datasets = new Command('datasets').description('ask the metastore (MILLRACE_METASTORE_URL) about datasets');
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
  datasets
    .command('status')
    .argument('<name>')
    .description('state, positions and lag of one dataset')
    .addOption(outputOption())
    .action((name: string, { output }: Printed) =>
      run(cli, async () => {
        const status = await metastoreOf(cli.env).status(name);
        await show(cli, output, status, () => statusText(cli, status));
        return 0;
      }),
    );
  return datasets;
}

function listText(cli: Cli, datasets: readonly Dataset[]): string {
  if (datasets.length === 0) return 'no datasets';
  return textTable(
    ['name', 'topic', 'mode', 'state', 'version'],
    datasets.map((dataset) => [dataset.name, dataset.kafkaTopic, dataset.mode, dataset.state, String(dataset.version)]),
    tablePaint(cli),
  );
}

function statusText(cli: Cli, status: DatasetStatus): string {
  const rows = status.partitions.map((partition) => [
    `${partition.topicId}/${partition.partition}`,
    String(partition.landed),
    String(partition.committed),
    partition.end === null ? '?' : String(partition.end),
    partition.lagRecords === null ? '?' : String(partition.lagRecords),
  ]);
  const lines = [`${status.name}: ${paintWord(cli, status.state)}${status.reason === null ? '' : `, ${status.reason}`}`];
  if (status.nextAction !== null) lines.push(`next: ${status.nextAction}`);
  lines.push(
    `last commit: ${status.lastCommit === null ? 'none' : `version ${status.lastCommit.version} at ${status.lastCommit.at}`}, lag ${status.lagSeconds ?? '?'} s`,
  );
  return `${lines.join('\n')}\n${textTable(['partition', 'landed', 'committed', 'end', 'lag'], rows, tablePaint(cli))}`;
}
