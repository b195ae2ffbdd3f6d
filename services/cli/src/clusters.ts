import { createMetastoreClient } from '@millrace/metastore/client/client.ts';
import { readMetastoreSettings } from './config.ts';
import { decider } from './decider.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const client = (env: Environment) => createMetastoreClient(readMetastoreSettings(env).MILLRACE_METASTORE_URL);

/** `millrace clusters list <dataset>` */
export async function listClusters(dataset: string, env: Environment): Promise<string> {
  const { change, accepted } = await client(env).clusters(dataset);
  return [
    change === null
      ? `${dataset}: the brokers are of the cluster its chains know`
      : `${dataset}: its chains are of cluster ${change.known.join(' and ')}, the brokers now of cluster ${change.found}: not landed until accepted\nmillrace clusters accept ${dataset} --cluster-id ${change.found} --reason TEXT`,
    ...accepted.map((one) => `accepted: cluster ${one.clusterId}, ${one.decidedAt} by ${one.by ?? '?'}: ${one.reason}`),
  ].join('\n');
}

/** `millrace clusters accept <dataset> …` */
export async function acceptCluster(dataset: string, options: { clusterId: string; reason: string }, env: Environment): Promise<string> {
  const accepted = await client(env).acceptCluster(dataset, { ...options, by: decider() });
  return `accepted: cluster ${accepted.clusterId}, decision ${accepted.id}; landing goes on by itself`;
}
