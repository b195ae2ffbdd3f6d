import type { Dataset } from '@millrace/core/domain/dataset.ts';
import type { Acceptance } from '@millrace/core/domain/losses.ts';
import { acceptancesOf } from '../dump/acceptance.ts';
import type { ClusterDescription } from '../dump/source-metadata.ts';
import { clientIsStale, type SeenTopic } from '../dump/stale-client.ts';
import { earliestWish, type StartFrom } from '../dump/start.ts';

/** So many answers in a row must not know a topic that was there before it counts as missing: one broker may be behind. */
const unknownAnswersMin = 2;

/** What the datasets ask for, and which of their topics exist: the values the worker's watch turns over. Decides, asks nobody. */
export class WantedTopics {
  #datasets: readonly Dataset[] = [];
  #existing = new Map<string, string>();
  readonly #seenMissing = new Set<string>();
  /** answers in a row that did not know a wanted topic */
  readonly #unknownAnswers = new Map<string, number>();
  /** since the consuming client was built */
  readonly #seen = new Map<string, SeenTopic>();
  #problems: ReadonlyMap<string, string> = new Map();

  /** @returns topics of which a person resumed a dataset, or accepted something, since the last call */
  setDatasets(datasets: readonly Dataset[]): string[] {
    const count = (list: readonly Dataset[], topic: string) =>
      list.filter(({ kafkaTopic }) => kafkaTopic === topic).reduce((sum, { resumeCount }) => sum + resumeCount, 0);
    const before = this.#datasets;
    const acceptedNew = (topic: string) => {
      const known = new Set(acceptancesOf(before, topic).map(({ id }) => id));
      return acceptancesOf(datasets, topic).some(({ id }) => !known.has(id));
    };
    this.#datasets = datasets;
    const wanted = this.wanted();
    for (const seen of [this.#seenMissing, this.#unknownAnswers])
      for (const topic of seen.keys()) if (!wanted.includes(topic)) seen.delete(topic);
    return wanted.filter((topic) => before.length > 0 && (count(datasets, topic) > count(before, topic) || acceptedNew(topic)));
  }

  /** As last set. */
  get datasets(): readonly Dataset[] {
    return this.#datasets;
  }

  /** Topics of all datasets, paused ones too: pausing stops the table, not landing. Sorted. */
  wanted(): string[] {
    return [...new Set(this.#datasets.map(({ kafkaTopic }) => kafkaTopic))].sort();
  }

  /**
   * Takes what a broker said of the wanted topics. One that was there is missing only when `unknownAnswersMin` answers in a row say so; one that was never
   * seen is missing at the first, so that a topic made soon afterwards is read from its start: too much is better than too little.
   * @returns topics whose id is another than before
   */
  setDescription({ topics, problems }: ClusterDescription, asked: readonly string[]): string[] {
    this.#problems = problems;
    const changed: string[] = [];
    for (const topic of asked) {
      if (problems.has(topic)) continue;
      const id = topics.get(topic)?.topicId;
      const before = this.#existing.get(topic);
      if (id === undefined) {
        const answers = (this.#unknownAnswers.get(topic) ?? 0) + 1;
        this.#unknownAnswers.set(topic, answers);
        if (before !== undefined && answers < unknownAnswersMin) continue;
        this.#seenMissing.add(topic);
        this.#existing.delete(topic);
      } else {
        this.#unknownAnswers.delete(topic);
        if (before !== undefined && before !== id) changed.push(topic);
        this.#existing.set(topic, id);
      }
    }
    return changed;
  }

  /** Wanted topics that exist: what the group subscribes to. Sorted. */
  existing(): string[] {
    return this.wanted().filter((topic) => this.#existing.has(topic));
  }

  /** Wanted topics that do not exist, once brokers have said so. */
  missing(): string[] {
    return this.wanted().filter((topic) => !this.#existing.has(topic) && this.#seenMissing.has(topic));
  }

  /** Does a description hold a topic that the consuming client will never read? Remembers what the client has seen. */
  makesClientStale({ clusterId, topics }: ClusterDescription): boolean {
    let stale = false;
    for (const { topic, topicId, leaderEpochMin, leaderEpochMax } of topics.values()) {
      const seen = this.#seen.get(topic);
      stale ||= clientIsStale(seen, { clusterId, topicId, leaderEpochMin });
      this.#seen.set(topic, {
        clusterId: clusterId ?? seen?.clusterId ?? null,
        topicId,
        leaderEpochMax: Math.max(seen?.leaderEpochMax ?? -1, leaderEpochMax),
      });
    }
    return stale;
  }

  /** A new consuming client has seen nothing yet. */
  clientRebuilt(): void {
    this.#seen.clear();
  }

  /** Why Kafka does not describe a wanted topic, or null. */
  problem(topic: string): string | null {
    return this.#problems.get(topic) ?? null;
  }

  topicId(topic: string): string | null {
    return this.#existing.get(topic) ?? null;
  }

  datasetsOf(topic: string): string[] {
    return this.#datasets.filter(({ kafkaTopic }) => kafkaTopic === topic).map(({ name }) => name);
  }

  acceptances(topic: string): Acceptance[] {
    return acceptancesOf(this.#datasets, topic);
  }

  wish(topic: string): { startFrom: StartFrom | null; topicWasMissing: boolean } {
    return { startFrom: earliestWish(this.#datasets, topic), topicWasMissing: this.#seenMissing.has(topic) };
  }
}
