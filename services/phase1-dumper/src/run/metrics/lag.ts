import type { Dataset } from '@millrace/core/domain/dataset.ts';
import { Gauge, type Registry } from 'prom-client';
import { PartitionGauge, type PartitionLabel, type PartitionLabels } from './partition-gauge.ts';

/**
 * How far one partition's landing is behind Kafka: offsets, and seconds since the oldest of them could have been landed; 0 when there are none.
 * `offsets` null: it has no chain yet, so nobody can count them; `seconds` since it is ours.
 */
export type PartitionLag = PartitionLabel & { offsets: number | null; seconds: number };

const leg = 'landing';

/** Metrics of how far landing is behind Kafka. A dataset lags as its topic does; of the partitions that other workers hold those tell. */
export function lagMetrics(registry: Registry, labels: PartitionLabels) {
  const registers = [registry];
  const labelNames = ['dataset', 'leg'];
  const offsets = new PartitionGauge(registry, 'millrace_landing_lag_offsets', 'Last stable offset minus landed offset', labels);
  const records = new Gauge({
    name: 'millrace_lag_records',
    help: 'Offsets that one leg of a dataset has not done yet: landing counts from Kafka, the table leg from what has landed. Sum it over workers',
    labelNames,
    registers,
  });
  const seconds = new Gauge({
    name: 'millrace_lag_seconds',
    help: 'Seconds that the oldest record one leg of a dataset has not done yet has waited for it; 0 when none waits. Take the maximum over workers',
    labelNames,
    registers,
  });
  const info = new Gauge({
    name: 'millrace_dataset_info',
    help: 'Always 1; its labels say which topic a dataset is made of, to join metrics of topics with those of datasets',
    labelNames: ['dataset', 'topic'],
    registers,
  });
  let shown = new Map<string, string>();
  return {
    partitionLag: offsets,
    /** Shows every dataset's lag; those that are not named any more disappear. */
    lag(datasets: readonly Pick<Dataset, 'name' | 'kafkaTopic'>[], partitions: readonly PartitionLag[]): void {
      const byTopic = Map.groupBy(partitions, ({ topic }) => topic);
      for (const partition of partitions) if (partition.offsets !== null) offsets.set(partition, partition.offsets);
      const now = new Map(datasets.map(({ name, kafkaTopic }) => [name, kafkaTopic]));
      for (const [dataset, topic] of now) {
        const own = byTopic.get(topic) ?? [];
        const waiting = own.reduce((sum, partition) => sum + (partition.offsets ?? 0), 0);
        records.set({ dataset, leg }, waiting);
        seconds.set({ dataset, leg }, Math.max(0, ...own.map((partition) => partition.seconds)));
        info.set({ dataset, topic }, 1);
      }
      for (const [dataset, topic] of shown) {
        if (now.get(dataset) !== topic) info.remove({ dataset, topic });
        if (now.has(dataset)) continue;
        for (const gauge of [records, seconds]) gauge.remove({ dataset, leg });
      }
      shown = now;
    },
  };
}
