import { Counter, Gauge, type Registry } from 'prom-client';
import { PartitionGauge, type PartitionLabels } from './partition-gauge.ts';

const claimResults = ['claimed', 'fenced', 'stopped', 'aborted'] as const;
type ClaimResult = (typeof claimResults)[number];

/** Metrics of whose a chain is, and of what is lost or held back. */
export function ownershipMetrics(registry: Registry, labels: PartitionLabels) {
  const registers = [registry];
  const byPartition = (name: string, help: string) => new PartitionGauge(registry, name, help, labels);
  const claims = new Counter({
    name: 'millrace_claims_total',
    help: 'Claims of chains by their ending',
    labelNames: ['result'],
    registers,
  });
  const fencedClaims = new Counter({
    name: 'millrace_fenced_claims_total',
    help: 'Claims lost to another worker that claimed the chain at the same time',
    registers,
  });
  for (const result of claimResults) claims.inc({ result }, 0);
  return {
    claimed(result: ClaimResult): void {
      claims.inc({ result });
      if (result === 'fenced') fencedClaims.inc();
    },
    pingPong: byPartition('millrace_claim_ping_pong', '1 while a partition is thrown to and fro between workers'),
    dataLossSuspected: byPartition('millrace_data_loss_suspected', '1 while a partition waits for a decision about missing records'),
    heldBack: byPartition(
      'millrace_open_transaction_held_offsets',
      'Offsets that a transaction open for long holds back from every read-committed reader',
    ),
    clusterChanged: new Gauge({
      name: 'millrace_cluster_changed',
      help: '1 while a topic is not landed because the brokers are of a cluster its chains do not know',
      labelNames: ['topic'],
      registers,
    }),
  };
}
