import type { ClusterChange, SuspectedLoss } from '@millrace/core/domain/losses.ts';
import type { TopicPartition } from '@millrace/core/domain/source.ts';
import { pingPongFencings } from '../dump/claim.ts';
import type { Metrics } from './metrics.ts';

/** What people have to decide or look at about one partition of ours: kept for its view, and shown by gauges. */
export class PartitionAlarms {
  readonly #partition: TopicPartition;
  readonly #metrics: Metrics;
  #loss: SuspectedLoss | null = null;
  #clusterChange: ClusterChange | null = null;
  #fencings = 0;

  constructor(partition: TopicPartition, metrics: Metrics) {
    this.#partition = partition;
    this.#metrics = metrics;
    metrics.dataLossSuspected.set(this.#labels, 0);
    metrics.pingPong.set(this.#labels, 0);
  }

  /** what a person may accept; null while nothing is missing */
  get loss(): SuspectedLoss | null {
    return this.#loss;
  }

  get clusterChange(): ClusterChange | null {
    return this.#clusterChange;
  }

  suspect(loss: SuspectedLoss | null): void {
    this.#loss = loss;
    this.#metrics.dataLossSuspected.set(this.#labels, loss === null ? 0 : 1);
  }

  /** All partitions of a topic find the same. */
  foundCluster(change: ClusterChange | null): void {
    this.#clusterChange = change;
    this.#metrics.clusterChanged.set({ topic: this.#partition.topic }, change === null ? 0 : 1);
  }

  /** Another worker has the chain. @returns how often in a row, and whether that is to and fro */
  fenced(): { fencings: number; pingPong: boolean } {
    this.#fencings++;
    const pingPong = this.#fencings >= pingPongFencings;
    if (pingPong) this.#metrics.pingPong.set(this.#labels, 1);
    return { fencings: this.#fencings, pingPong };
  }

  /** An entry of ours stands in the chain. */
  published(): void {
    this.#fencings = 0;
    this.#metrics.pingPong.set(this.#labels, 0);
  }

  /** The partition is not ours any more. */
  end(): void {
    this.#metrics.dataLossSuspected.remove(this.#labels);
    this.#metrics.pingPong.remove(this.#labels);
    this.#metrics.clusterChanged.remove({ topic: this.#partition.topic }); // another partition of it that waits says so again
  }

  get #labels(): { topic: string; partition: string } {
    return { topic: this.#partition.topic, partition: String(this.#partition.partition) };
  }
}
