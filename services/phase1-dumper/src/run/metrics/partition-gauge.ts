import { Gauge, type Registry } from 'prom-client';

/** Whether gauges tell partitions apart; without, a topic shows the largest of its partitions that this process holds. */
export type PartitionLabels = 'on' | 'off';

export type PartitionLabel = { topic: string; partition: string };

/** A gauge of something each partition has a value of. The one place where a metric has the label `partition`. */
export class PartitionGauge {
  readonly #gauge: Gauge;
  /** topic → partition → value; only while partitions are not told apart */
  readonly #values: Map<string, Map<string, number>> | undefined;

  constructor(registry: Registry, name: string, help: string, labels: PartitionLabels) {
    const labelNames = labels === 'on' ? ['topic', 'partition'] : ['topic'];
    this.#gauge = new Gauge({ name, help, labelNames, registers: [registry] });
    this.#values = labels === 'on' ? undefined : new Map();
  }

  set({ topic, partition }: PartitionLabel, value: number): void {
    if (this.#values === undefined) {
      this.#gauge.set({ topic, partition }, value);
      return;
    }
    const of = this.#values.get(topic) ?? new Map<string, number>();
    this.#values.set(topic, of.set(partition, value));
    this.#show(topic, of);
  }

  /** The partition is not ours any more. */
  remove({ topic, partition }: PartitionLabel): void {
    if (this.#values === undefined) {
      this.#gauge.remove({ topic, partition });
      return;
    }
    const of = this.#values.get(topic);
    if (!of?.delete(partition)) return;
    if (of.size > 0) this.#show(topic, of);
    else {
      this.#values.delete(topic);
      this.#gauge.remove({ topic });
    }
  }

  /** As prom-client's gauges answer. */
  get(): ReturnType<Gauge['get']> {
    return this.#gauge.get();
  }

  #show(topic: string, of: ReadonlyMap<string, number>): void {
    this.#gauge.set({ topic }, Math.max(...of.values()));
  }
}
