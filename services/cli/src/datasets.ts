import { createMetastoreClient } from '@millrace/metastore/client/client.ts';
import { readMetastoreSettings } from './config.ts';
import { textTable } from './verify/render.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** `millrace datasets list` */
export async function listDatasets(env: Environment): Promise<string> {
  const datasets = await createMetastoreClient(readMetastoreSettings(env).MILLRACE_METASTORE_URL).datasets();
  if (datasets.length === 0) return 'no datasets';
  return textTable(
    ['name', 'topic', 'mode', 'state', 'version'],
    datasets.map((dataset) => [dataset.name, dataset.kafkaTopic, dataset.mode, dataset.state, String(dataset.version)]),
  );
}

/** `millrace datasets status <name>` */
export async function datasetStatus(name: string, env: Environment): Promise<string> {
  const status = await createMetastoreClient(readMetastoreSettings(env).MILLRACE_METASTORE_URL).status(name);
  const rows = status.partitions.map((partition) => [
    `${partition.topicId}/${partition.partition}`,
    String(partition.landed),
    String(partition.committed),
    partition.end === null ? '?' : String(partition.end),
    partition.lagRecords === null ? '?' : String(partition.lagRecords),
  ]);
  const lines = [`${status.name}: ${status.state}${status.reason === null ? '' : `, ${status.reason}`}`];
  if (status.nextAction !== null) lines.push(`next: ${status.nextAction}`);
  lines.push(
    `last commit: ${status.lastCommit === null ? 'none' : `version ${status.lastCommit.version} at ${status.lastCommit.at}`}, lag ${status.lagSeconds ?? '?'} s`,
  );
  return `${lines.join('\n')}\n${textTable(['partition', 'landed', 'committed', 'end', 'lag'], rows)}`;
}
