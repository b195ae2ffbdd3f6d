import { describeError, isKind, MillraceError } from '@millrace/core/domain/errors.ts';
import type { TopicPartition } from '@millrace/core/domain/source.ts';
import type { Metastore } from '@millrace/core/ports/metastore.ts';
import type { AssignmentHandler, LineRange, RecordSource } from '@millrace/core/ports/record-source.ts';
import { maySameCluster } from '../dump/identity.ts';
import { pollRecords, sealBytesUnder, shouldPause } from '../dump/pressure.ts';
import { type PartitionOffsets, partitionKey } from '../dump/source-metadata.ts';
import { clientIsNew, emptyWatch, type Watch, type WatchedPartition, watch } from '../dump/watchdog.ts';
import type { LandingContext } from './context.ts';
import { LagWatch } from './lag-watch.ts';
import { PartitionLanding } from './partition.ts';
import { landingReports, stateSignature } from './reports.ts';
import type { WantedTopics } from './topics.ts';

/** One poll waits so long for records, ms; also the longest a start or stop of a partition waits. */
const pollTimeoutMs = 100;
const tickMs = 50;
const configurationMs = 1_500;
const topicWatchMs = 1_000;
const offsetsMs = 1_500;
const reportMs = 2_000;
const reportCheckMs = 200;
/** A revoked partition is published within this time, ms, or dropped. The group waits meanwhile. */
const revokeDeadlineMs = 15_000;
/** At the end of the process, ms: leaves room for leaving the group within 10 s. */
const shutdownDeadlineMs = 5_000;
/** The last report may take so long, ms. */
const lastReportMs = 500;
const errorPauseMs = 250;

export type WorkerOptions = {
  context: LandingContext;
  wanted: WantedTopics;
  metastore: Metastore;
  budgetBytes: number;
  stallTimeoutMs: number;
  openSource(handler: AssignmentHandler): Promise<RecordSource>;
};

/** The loops of phase 1: polling, sealing, watching topics and offsets, telling the metastore. Each loop does; what to do is decided in `dump/`. */
export class LandingWorker {
  readonly #options: WorkerOptions;
  readonly #landings = new Map<string, PartitionLanding>();
  readonly #stop = new AbortController();
  readonly #lag: LagWatch;
  #source: RecordSource | undefined;
  #subscribed = '';
  #paused = false;
  /** when the budget was last looked at, monotonic ms */
  #balancedAt = Number.POSITIVE_INFINITY;
  #meanLineBytes = 0;
  /** fetching was paused since the watchdog's last look */
  #restedLately = false;
  #watch: Watch = emptyWatch;
  #rebuildWanted = false;
  /** when the client's last poll began, monotonic ms; +∞ for a client that was not polled yet */
  #polledAt = Number.POSITIVE_INFINITY;
  #longestGapMs = 0;
  /** why no broker answers the topic watch now */
  #kafkaAway: MillraceError | null = null;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#lag = new LagWatch(options.context);
  }

  /**
   * Works until `stop` or an error that no waiting mends. Either way it then publishes what is buffered within its time, tells the metastore and leaves the group.
   * @throws kind `internal`, code `client_stalled`, when a partition that the client was rebuilt for stalls again; whatever else ends a loop for good
   */
  async run(): Promise<void> {
    const signal = this.#stop.signal;
    const polling = this.#poll(signal);
    const loops = [
      this.#every(tickMs, 'seal', async () => this.#tick()),
      this.#every(configurationMs, 'read the configuration', () => this.#readConfiguration()),
      this.#every(topicWatchMs, 'watch topics', () => this.#watchTopics()),
      this.#every(offsetsMs, 'watch offsets', () => this.#watchOffsets()),
      this.#report(signal),
      polling,
    ];
    let clean = false;
    try {
      await Promise.race([Promise.all(loops), new Promise<never>((_, reject) => loops.forEach((loop) => void loop.catch(reject)))]);
      clean = true;
    } finally {
      this.#stop.abort();
      await Promise.allSettled([polling]); // the others may hang on a metastore that is away
      await this.#end(clean);
    }
  }

  stop(): void {
    this.#stop.abort();
  }

  get #all(): PartitionLanding[] {
    return [...this.#landings.values()];
  }

  async #every(ms: number, doing: string, turn: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#options.context;
    while (!this.#stop.signal.aborted) {
      try {
        await turn();
      } catch (error) {
        if (!isKind(error, 'unavailable')) throw error;
        log.debug({ doing, err: error }, 'tried again soon');
      }
      await clock.sleep(ms, this.#stop.signal);
    }
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const { context, budgetBytes } = this.#options;
    const { clock, health, log } = context;
    let lastError = '';
    while (!signal.aborted) {
      try {
        if (this.#rebuildWanted) await this.#rebuild();
        this.#source ??= await this.#open();
        this.#subscribe();
        const ranges = await this.#pollSource(this.#source, pollRecords(this.#buffered(), budgetBytes, this.#meanLineBytes));
        for (const range of ranges) {
          context.metrics.consumed(range);
          this.#landings.get(partitionKey(range))?.accept(range);
          if (range.recordCount > 0) this.#meanLineBytes = range.lines.length / range.recordCount;
        }
        lastError = '';
        this.#balance();
      } catch (error) {
        if (!isKind(error, 'unavailable')) throw error;
        const words = describeError(error);
        if (words !== lastError) log.warn({ err: error }, 'the Kafka consumer has trouble');
        lastError = words;
        if (error.code === 'kafka_client_fatal') this.#rebuildWanted = true;
        else if (error.code === 'kafka_away') health.set('kafka', words);
        await clock.sleep(errorPauseMs, signal);
      }
    }
  }

  /** Whatever else happens, the group sees a client that is polled again within a second. Measured from beginning to beginning: waiting for records and making lines of them count. */
  #pollSource(source: RecordSource, records: number): Promise<LineRange[]> {
    const { clock, metrics } = this.#options.context;
    const now = clock.monotonic();
    const waitedMs = now - this.#polledAt;
    this.#polledAt = now;
    if (Number.isFinite(waitedMs)) metrics.pollGap.observe(waitedMs / 1000);
    if (waitedMs > this.#longestGapMs) {
      this.#longestGapMs = waitedMs;
      metrics.pollGapMax.set(waitedMs / 1000);
    }
    return source.poll(records, pollTimeoutMs);
  }

  #tick(): void {
    const now = this.#options.context.clock.monotonic();
    const sealBytes = sealBytesUnder(this.#paused, this.#buffered(), this.#landings.size, this.#options.context.seal.sealBytes);
    for (const landing of this.#landings.values()) landing.tick(now, sealBytes);
    this.#balance();
  }

  #buffered(): number {
    let bytes = 0;
    for (const landing of this.#landings.values()) bytes += landing.bufferedBytes;
    return bytes;
  }

  /** Over the budget all partitions pause, while polling goes on and the group sees us alive. */
  #balance(): void {
    const { context, budgetBytes } = this.#options;
    const bytes = this.#buffered();
    const paused = shouldPause(bytes, budgetBytes, this.#paused);
    const now = context.clock.monotonic();
    if (this.#paused) context.metrics.backpressure.inc(Math.max(0, now - this.#balancedAt) / 1000);
    this.#balancedAt = now;
    context.metrics.bufferedBytes.set(bytes);
    context.metrics.paused.set(paused ? 1 : 0);
    const partitions = this.#all.filter((landing) => landing.view().state === 'running').map(({ partition }) => partition);
    if (paused)
      this.#source?.pause(partitions); // again and again: partitions may have been started meanwhile
    else if (this.#paused) this.#source?.resume(partitions);
    this.#paused = paused;
    this.#restedLately ||= paused;
  }

  #open(): Promise<RecordSource> {
    this.#subscribed = '';
    this.#polledAt = Number.POSITIVE_INFINITY;
    return this.#options.openSource({
      assigned: (partitions) => {
        for (const p of partitions) this.#assigned(p);
      },
      revoked: async (partitions) => void (await Promise.all(partitions.map((p) => this.#release(p, revokeDeadlineMs)))),
      lost: (partitions) => {
        for (const p of partitions) {
          this.#landings.get(partitionKey(p))?.drop('lost');
          this.#landings.delete(partitionKey(p));
        }
      },
    });
  }

  #assigned(partition: TopicPartition): void {
    const source = this.#source;
    if (source === undefined || this.#stop.signal.aborted) return;
    this.#landings.get(partitionKey(partition))?.drop('lost');
    this.#landings.set(partitionKey(partition), new PartitionLanding(partition, this.#options.context, source));
  }

  async #release(partition: TopicPartition, deadlineMs: number): Promise<void> {
    const key = partitionKey(partition);
    const landing = this.#landings.get(key);
    await landing?.release(deadlineMs);
    if (this.#landings.get(key) === landing) this.#landings.delete(key);
    this.#options.context.metrics.partitionLag.remove({ topic: partition.topic, partition: String(partition.partition) });
  }

  #subscribe(): void {
    const topics = this.#options.wanted.existing();
    if (topics.join(',') === this.#subscribed) return;
    this.#source?.subscribe(topics);
    this.#subscribed = topics.join(',');
    this.#options.context.log.info({ topics }, 'subscribed');
  }

  async #readConfiguration(): Promise<void> {
    const { metastore, context } = this.#options;
    // whatever is wrong with the metastore, landing goes on under what is known
    const datasets = await metastore.datasets(this.#stop.signal).catch((error) => context.log.debug({ err: error }, 'no configuration'));
    if (datasets === undefined) return;
    const resumed = this.#options.wanted.setDatasets(datasets);
    for (const topic of this.#options.wanted.wanted()) context.metrics.knowTopic(topic);
    for (const landing of this.#all) if (resumed.includes(landing.partition.topic)) landing.evaluateAgain();
  }

  async #watchTopics(): Promise<void> {
    const { context, wanted } = this.#options;
    const topics = wanted.wanted();
    try {
      const description = await context.metadata.describe(topics);
      context.health.set('kafka', null);
      this.#sawKafka(null);
      const changed = wanted.setDescription(description, topics);
      if (wanted.makesClientStale(description)) {
        context.log.warn(
          { topics: changed, clusterId: description.clusterId },
          'a topic was replaced by one the consumer would not read: the client is rebuilt',
        );
        this.#rebuildWanted = true;
      }
      for (const landing of this.#all) {
        const known = landing.view().chain?.identity.clusterId ?? null;
        if (changed.includes(landing.partition.topic) || !maySameCluster(known, description.clusterId)) landing.doubtIdentity();
      }
    } catch (error) {
      context.health.set('kafka', describeError(error));
      if (isKind(error, 'unavailable')) this.#sawKafka(error);
      throw error;
    }
    await Promise.all(this.#all.map((landing) => landing.refreshProof()));
  }

  /** A line when Kafka goes, when why it is away is of another kind, and when it is back; the status follows each answer. */
  #sawKafka(away: MillraceError | null): void {
    const { log } = this.#options.context;
    const before = this.#kafkaAway;
    this.#kafkaAway = away;
    if (away?.code === before?.code) return;
    if (away === null) log.info('Kafka answers again');
    else log.warn({ code: away.code }, `Kafka is away: ${describeError(away)}`);
  }

  #notices(): string[] {
    const away = this.#kafkaAway;
    const { metadata, announcer } = this.#options.context;
    const unannounced = announcer?.notice() ?? null;
    return [
      ...metadata.notices,
      ...(away === null ? [] : [`Kafka is away: ${describeError(away)}`]),
      ...(unannounced === null ? [] : [unannounced]),
    ];
  }

  async #watchOffsets(): Promise<void> {
    const { context } = this.#options;
    // one that does not read on is asked for too: what is missing may grow, and its lag does
    const running = this.#all.filter((landing) => landing.view().chain !== null || landing.view().loss !== null);
    const asked = running.map(({ partition }) => partition);
    const offsets: Map<string, PartitionOffsets> =
      asked.length === 0
        ? new Map()
        : await context.metadata.offsets(asked).catch((error) => {
            this.#watchdog([]);
            this.#lag.show(this.#options.wanted.datasets, this.#all);
            throw error;
          });
    const watched: WatchedPartition[] = [];
    for (const landing of running) {
      const key = partitionKey(landing.partition);
      const seen = offsets.get(key);
      if (seen === undefined) continue;
      landing.sawOffsets(seen);
      this.#lag.saw(landing, seen);
      const { state, received } = landing.view();
      if (state === 'running' && received !== null) watched.push({ key, next: received, end: seen.lastStable });
    }
    this.#lag.show(this.#options.wanted.datasets, this.#all);
    this.#watchdog(watched);
  }

  #watchdog(partitions: readonly WatchedPartition[]): void {
    const { context, stallTimeoutMs } = this.#options;
    if (this.#rebuildWanted) return;
    const look = watch(this.#watch, this.#restedLately ? [] : partitions, stallTimeoutMs, context.clock.monotonic());
    this.#watch = look.watch;
    this.#restedLately = this.#paused;
    if (look.verdict === 'rebuild') {
      context.log.error({ stallTimeoutMs }, 'no progress while Kafka has more: the client is rebuilt');
      this.#rebuildWanted = true;
    } else if (look.verdict === 'exit')
      throw new MillraceError(
        'internal',
        'client_stalled',
        `no progress for ${stallTimeoutMs} ms while Kafka has more, with a rebuilt client too`,
        { stallTimeoutMs },
      );
  }

  async #rebuild(): Promise<void> {
    this.#options.context.metrics.rebuilds.inc();
    await this.#closeSource(revokeDeadlineMs);
    this.#options.wanted.clientRebuilt();
    this.#watch = clientIsNew(this.#watch);
    this.#rebuildWanted = false;
  }

  async #closeSource(deadlineMs: number): Promise<void> {
    await Promise.all(this.#all.map((landing) => this.#release(landing.partition, deadlineMs)));
    await this.#source?.close();
    this.#source = undefined;
  }

  /** Publishes what is buffered, tells the metastore where landing stands, leaves the group. */
  async #end(clean: boolean): Promise<void> {
    const { context, wanted, metastore } = this.#options;
    const landings = this.#all;
    await Promise.all(landings.map((landing) => landing.release(shutdownDeadlineMs, clean)));
    const reports = landingReports(wanted, landings, this.#notices(), context.writer);
    const told = Promise.all(reports.map((report) => metastore.reportLanding(report).catch(() => undefined)));
    await Promise.all([this.#source?.close(), Promise.race([told, context.clock.sleep(lastReportMs)])]);
  }

  async #report(signal: AbortSignal): Promise<void> {
    const { context, wanted, metastore } = this.#options;
    let said = '';
    let saidAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      const reports = landingReports(wanted, this.#all, this.#notices(), context.writer);
      const signature = stateSignature(reports);
      const now = context.clock.monotonic();
      if (signature !== said || now - saidAt >= reportMs) {
        said = signature;
        saidAt = now;
        for (const report of reports)
          await metastore.reportLanding(report).catch((error) => context.log.debug({ err: error }, 'a report was not taken'));
      }
      await context.clock.sleep(reportCheckMs, signal);
    }
  }
}
