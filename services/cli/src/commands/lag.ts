import type { Dataset } from '@millrace/core/domain/dataset.ts';
import type { DatasetStatus } from '@millrace/metastore/client/client.ts';
import { Command } from 'commander';
import { readLagSettings } from '../config.ts';
import { metastoreOf } from '../metastore.ts';
import { type Cli, run } from '../output/cli.ts';
import { outputOption, type Printed, show } from '../output/format.ts';
import { tablePaint } from '../output/paint.ts';
import { textTable } from '../output/text-table.ts';
import { sideBySide } from '../side-by-side.ts';
import { silenceSentence, withKnownEnds } from '../status/known-ends.ts';

/** One leg of one partition. Offsets are next ones; null where nobody has told. */
export type LagRow = {
  /** consumer group of the leg */
  group: string;
  topic: string;
  partition: number;
  currentOffset: bigint;
  logEndOffset: bigint | null;
  lag: bigint | null;
  dataset: string;
  leg: 'landing' | 'table';
  state: string;
  topicId: string;
  /** of leg landing, while nobody tells where Kafka ends: since then, ISO 8601 UTC */
  landingSilentSince?: string | undefined;
};

/** `millrace lag [dataset]` */
export function lagCommand(cli: Cli): Command {
  return new Command('lag')
    .description('how far behind: landing behind Kafka, and the table behind what landed')
    .argument('[dataset]', 'only of this dataset')
    .addOption(outputOption())
    .addHelpText(
      'after',
      "\nAs workers last told the metastore (MILLRACE_METASTORE_URL), in the columns of kafka-consumer-groups.sh. Leg landing: landed offset against Kafka's last stable one. Leg table: the table's position against the landed offset. A '-' is not known: while no phase-1 worker reports, nobody knows where Kafka ends.",
    )
    .action((name: string | undefined, { output }: Printed) =>
      run(cli, async () => {
        const { MILLRACE_GROUP_PREFIX: prefix } = readLagSettings(cli.env);
        const metastore = metastoreOf(cli.env);
        const datasets = name === undefined ? await metastore.datasets() : [await metastore.dataset(name)];
        const told = await sideBySide(datasets, async (dataset) => ({ dataset, status: await metastore.status(dataset.name) }));
        const rows = told.flatMap(({ dataset, status }) => lagRows(prefix, dataset, status));
        await show(cli, output, rows, () => lagText(cli, rows));
        const silence = silenceSentence(told.map(({ status }) => status));
        if (silence !== undefined) cli.complain(silence);
        return 0;
      }),
    );
}

/** Both legs of every partition of a dataset. While phase 1 is silent, Kafka's ends are not known. Pure. */
export function lagRows(prefix: string, dataset: Pick<Dataset, 'name' | 'kafkaTopic'>, told: DatasetStatus): LagRow[] {
  const status = withKnownEnds(told);
  const leg = (of: 'landing' | 'table', partition: DatasetStatus['partitions'][number]): LagRow => {
    const currentOffset = of === 'landing' ? partition.landed : partition.committed;
    const logEndOffset = of === 'landing' ? partition.end : partition.landed;
    return {
      group: `${prefix}-${of}`,
      topic: dataset.kafkaTopic,
      partition: partition.partition,
      currentOffset,
      logEndOffset,
      lag: logEndOffset === null ? null : logEndOffset > currentOffset ? logEndOffset - currentOffset : 0n,
      dataset: dataset.name,
      leg: of,
      state: status.state,
      topicId: partition.topicId,
      landingSilentSince: of === 'landing' ? status.landingSilentSince : undefined,
    };
  };
  return (['landing', 'table'] as const).flatMap((of) => status.partitions.map((partition) => leg(of, partition)));
}

function lagText(cli: Cli, rows: readonly LagRow[]): string {
  if (rows.length === 0) return 'no partition has been told of yet';
  return textTable(
    ['GROUP', 'TOPIC', 'PARTITION', 'CURRENT-OFFSET', 'LOG-END-OFFSET', 'LAG', 'DATASET', 'LEG', 'STATE', 'TOPIC-ID'],
    rows.map((row) => [
      row.group,
      row.topic,
      `${row.partition}`,
      `${row.currentOffset}`,
      `${row.logEndOffset ?? '-'}`,
      `${row.lag ?? '-'}`,
      row.dataset,
      row.leg,
      row.state,
      row.topicId,
    ]),
    tablePaint(cli),
  );
}
