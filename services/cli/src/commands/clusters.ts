import type { ClusterAcceptance } from '@millrace/core/domain/losses.ts';
import type { ClusterList } from '@millrace/metastore/client/client.ts';
import { Command } from 'commander';
import { decider } from '../decider.ts';
import { metastoreOf } from '../metastore.ts';
import { type Cli, type Environment, run } from '../output/cli.ts';
import { outputOption, type Printed, show } from '../output/format.ts';

/** `millrace clusters …` */
export function clustersCommands(cli: Cli): Command {
  const clusters = new Command('clusters').description('clusters that a topic may be landed from');
  clusters
    .command('list')
    .argument('<dataset>')
    .description('a change of clusters that waits for a decision, and what was accepted')
    .addOption(outputOption())
    .action((dataset: string, { output }: Printed) =>
      run(cli, async () => {
        const found = await metastoreOf(cli.env).clusters(dataset);
        await show(cli, output, found, () => clustersText(dataset, found));
        return 0;
      }),
    );
  clusters
    .command('accept')
    .argument('<dataset>')
    .description('let landing go on from another cluster, as another source')
    .requiredOption('--cluster-id <ID>', 'the cluster the brokers are of now')
    .requiredOption('--reason <TEXT>', 'your words, kept in the audit')
    .addOption(outputOption())
    .action((dataset: string, { output, clusterId, reason }: { clusterId: string; reason: string } & Printed) =>
      run(cli, async () => {
        const accepted = await acceptCluster(dataset, { clusterId, reason }, cli.env);
        await show(
          cli,
          output,
          accepted,
          () => `accepted: cluster ${accepted.clusterId}, decision ${accepted.id}; landing goes on by itself`,
        );
        return 0;
      }),
    );
  return clusters;
}

function clustersText(dataset: string, { change, accepted }: ClusterList): string {
  return [
    change === null
      ? `${dataset}: the brokers are of the cluster its chains know`
      : `${dataset}: its chains are of cluster ${change.known.join(' and ')}, the brokers now of cluster ${change.found}: not landed until accepted\nmillrace clusters accept ${dataset} --cluster-id ${change.found} --reason TEXT`,
    ...accepted.map((one) => `accepted: cluster ${one.clusterId}, ${one.decidedAt} by ${one.by ?? '?'}: ${one.reason}`),
  ].join('\n');
}

/** Lets landing go on from another cluster. @throws as `MetastoreClient.acceptCluster` */
export async function acceptCluster(
  dataset: string,
  options: { clusterId: string; reason: string },
  env: Environment,
): Promise<ClusterAcceptance> {
  return metastoreOf(env).acceptCluster(dataset, { ...options, by: decider() });
}
