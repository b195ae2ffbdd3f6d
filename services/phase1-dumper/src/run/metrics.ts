import { createWorkerMetrics } from '@millrace/core/adapters/admin/worker-metrics.ts';
import type { Registry } from 'prom-client';
import { clientMetrics } from './metrics/client.ts';
import { lagMetrics } from './metrics/lag.ts';
import { landingMetrics } from './metrics/landing.ts';
import { ownershipMetrics } from './metrics/ownership.ts';
import type { PartitionLabels } from './metrics/partition-gauge.ts';

/** Numbers of phase 1. Each answers a question somebody asks at night. */
export type Metrics = ReturnType<typeof createMetrics>;

/**
 * Registers phase 1's metrics, with zeros for all that is known from the start. Counters count what this process did since it started.
 * @param partitionLabels MILLRACE_METRICS_PARTITIONS
 */
export function createMetrics(registry: Registry, partitionLabels: PartitionLabels = 'on') {
  return {
    ...createWorkerMetrics(registry),
    ...landingMetrics(registry),
    ...ownershipMetrics(registry, partitionLabels),
    ...lagMetrics(registry, partitionLabels),
    ...clientMetrics(registry),
  };
}
