import type { LibrdKafkaError, Message } from '@confluentinc/kafka-javascript';
import type { Check } from '@millrace/core/adapters/admin/checks.ts';
import type { Logger } from '@millrace/core/adapters/admin/logger.ts';
import { createAnnouncementTopic } from '@millrace/core/adapters/kafka/announcement-topic.ts';
import { type KafkaProperties, memberProperties, promisedProperties } from '@millrace/core/adapters/kafka/properties.ts';
import { parseAnnouncement } from '@millrace/core/domain/announcement.ts';
import { describeError, isKind, MillraceError } from '@millrace/core/domain/errors.ts';
import type { Clock } from '@millrace/core/ports/clock.ts';
import type { ShareHandler, WorkShare } from '../loop/work-share.ts';
import { AnnouncementBacklog } from '../plan/announcement-backlog.ts';
import { assigned, beforeJoining, counted, holdsTopic, lost, revoked, type Share, waitedEnough } from '../plan/share.ts';
import { createNativeConsumer, type NativeConsumer } from './native-consumer.ts';

/** Without an assignment after this, ms, everything is worked on: a group that waits for a dead member, or a Kafka that is away, must not keep tables waiting. */
const joinGraceMs = 5_000;
const connectTimeoutMs = 10_000;
/** Pause before a client is opened anew, ms: doubled from the first up to the last. */
const retryMsMin = 500;
const retryMsMax = 15_000;
/** One poll waits so long for announcements, ms, and takes so many. */
const pollTimeoutMs = 200;
const pollMax = 500;
/** The topic's partitions are counted this often, ms; one count may take so long. */
const countMs = 10_000;
const countTimeoutMs = 5_000;
/** Offsets are committed at most this often, ms. */
const commitMs = 1_000;
/** Leaving the group may take so long, ms; then the session times out by itself. */
const closeTimeoutMs = 1_500;
/** Announcements the client may hold, KiB. */
const queueKiB = 4_096;
/** librdkafka's own error codes that we act on. */
const assignPartitions = -175;
const revokePartitions = -174;
const timedOut = -185;

export type AnnouncementGroupOptions = {
  brokers: string;
  groupId: string;
  clientId: string;
  properties: KafkaProperties;
  sessionTimeoutMs: number;
  topic: string;
  /** partitions when the topic has to be created */
  partitions: number;
  clock: Clock;
  log: Logger;
};

/**
 * This process's member of the consumer group on the internal topic, on librdkafka. What it holds is worked on, what it hears wakes that work; a slow
 * look at every chain stays the net, so a client that fell silent, or that is rebuilt, costs freshness only.
 */
export class AnnouncementGroup implements WorkShare {
  readonly #options: AnnouncementGroupOptions;
  readonly #backlog = new AnnouncementBacklog();
  #handler: ShareHandler | undefined;
  #share: Share = beforeJoining;
  #consumer: NativeConsumer | undefined;
  #closing = false;
  #topicGone = false;
  #trouble: string | null = 'not joined yet';
  #countAt = 0;
  #commitAt = 0;

  constructor(options: AnnouncementGroupOptions) {
    this.#options = options;
  }

  holds(topic: string): boolean {
    return holdsTopic(this.#share, topic);
  }

  /** For /readyz: always met, since work goes on without; the detail says why it is not shared out. */
  check(): Check {
    return { name: 'announcements', ok: true, detail: this.#trouble };
  }

  /** Joins and listens until the signal, then leaves the group. Never rejects. */
  async run(handler: ShareHandler, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    this.#handler = handler;
    void clock.sleep(joinGraceMs, signal).then(() => this.#become(waitedEnough(this.#share)));
    for (let retryMs = retryMsMin; !signal.aborted; retryMs = Math.min(retryMsMax, retryMs * 2)) {
      try {
        const consumer = await this.#open();
        await this.#join(consumer);
        retryMs = retryMsMin;
        while (!signal.aborted) await this.#turn(consumer);
      } catch (error) {
        this.#say(error);
      }
      await this.#leave();
      await clock.sleep(retryMs, signal);
    }
  }

  async #open(): Promise<NativeConsumer> {
    const { brokers, clientId, groupId, properties, sessionTimeoutMs, log } = this.#options;
    const consumer = createNativeConsumer({
      'fetch.queue.backoff.ms': '5',
      'topic.metadata.refresh.interval.ms': String(countMs),
      ...properties,
      ...promisedProperties(),
      'enable.partition.eof': 'false',
      ...memberProperties('classic', sessionTimeoutMs, properties),
      'client.id': clientId,
      'bootstrap.servers': brokers,
      'group.id': groupId,
      'queued.max.messages.kbytes': String(queueKiB),
      rebalance_cb: (error: LibrdKafkaError | undefined, partitions: { partition: number }[]) => {
        const numbers = partitions.map(({ partition }) => partition);
        this.#rebalance(consumer, error?.code, numbers);
      },
    });
    this.#consumer = consumer;
    consumer.on('event.error', (err) => log.debug({ err }, 'the client of announcements has trouble'));
    consumer.setDefaultIsTimeoutOnlyForFirstMessage(true);
    consumer.setDefaultConsumeTimeout(pollTimeoutMs);
    await new Promise<void>((resolve, reject) => {
      consumer.connect({ allTopics: false, timeout: connectTimeoutMs } as never, (cause: LibrdKafkaError | null) => {
        if (!cause) resolve();
        else reject(new MillraceError('unavailable', 'kafka_away', `Kafka (${brokers}) cannot be reached`, {}, cause));
      });
    });
    return consumer;
  }

  /** Subscribes to the topic, which is made when it is missing. @throws kind `invalid` when it cannot be made: until it can, everything is worked on */
  async #join(consumer: NativeConsumer): Promise<void> {
    const { topic, clock } = this.#options;
    let partitions = await this.#count(consumer);
    if (partitions === 0) {
      try {
        await createAnnouncementTopic(this.#options);
      } catch (error) {
        if (isKind(error, 'invalid')) this.#become(counted(this.#share, 0));
        throw error;
      }
      partitions = await this.#count(consumer);
      if (partitions === 0) throw new MillraceError('unavailable', 'topic_not_there_yet', `the topic ${topic} is not there yet`, { topic });
    }
    this.#topicGone = false;
    this.#become(counted(this.#share, partitions));
    this.#countAt = clock.monotonic() + countMs;
    consumer.subscribe([topic]);
  }

  async #turn(consumer: NativeConsumer): Promise<void> {
    const { clock, log, topic } = this.#options;
    if (this.#topicGone) throw new MillraceError('unavailable', 'topic_gone', `the topic ${topic} is gone`, { topic });
    const messages = await new Promise<Message[]>((resolve, reject) => {
      consumer.consume(pollMax, (error: LibrdKafkaError | null, batch: Message[]) => {
        if (!error) resolve(batch);
        else if (error.code === timedOut) resolve([]);
        else reject(new MillraceError('unavailable', 'kafka_client_error', `the Kafka client says: ${error.message}`, {}, error));
      });
    });
    for (const { partition, offset, value } of messages) {
      const news = value === null ? undefined : parseAnnouncement(value.toString());
      this.#backlog.add(partition, offset, news);
      if (news !== undefined) this.#handler?.announced(news);
    }
    const now = clock.monotonic();
    if (now >= this.#commitAt) {
      this.#commitAt = now + commitMs;
      this.#commit(consumer, this.#share.held);
    }
    if (now < this.#countAt) return;
    this.#countAt = now + countMs;
    this.#backlog.tellAgain();
    this.#count(consumer).then(
      (partitions) => {
        if (partitions > 0) this.#become(counted(this.#share, partitions));
        else this.#topicGone = true;
      },
      (err) => log.debug({ err }, 'the partitions of announcements are counted later'),
    );
  }

  async #count(consumer: NativeConsumer): Promise<number> {
    const { topic } = this.#options;
    return new Promise((resolve, reject) => {
      consumer.getMetadata({ topic, timeout: countTimeoutMs }, (error, metadata) => {
        if (error)
          reject(new MillraceError('unavailable', 'kafka_away', `the topic ${topic} is not described: ${error.message}`, {}, error));
        else resolve(metadata?.topics.find(({ name }) => name === topic)?.partitions.length ?? 0);
      });
    });
  }

  /** Advice for lag tools and autoscalers, and where the next holder begins to listen. */
  #commit(consumer: NativeConsumer, held: ReadonlySet<number>): void {
    const { topic, log } = this.#options;
    const handler = this.#handler;
    if (handler === undefined) return;
    const moved = this.#backlog.settle((news) => handler.isDone(news)).filter(({ partition }) => held.has(partition));
    if (moved.length === 0) return;
    try {
      consumer.commit(moved.map(({ partition, offset }) => ({ topic, partition, offset })));
    } catch (err) {
      log.debug({ err }, 'offsets of announcements are not committed now');
    }
  }

  #rebalance(consumer: NativeConsumer, code: number | undefined, partitions: number[]): void {
    const { topic, log } = this.#options;
    const named = partitions.map((partition) => ({ topic, partition }));
    const answer = (call: () => void) => {
      try {
        call();
      } catch (err) {
        log.debug({ err, code }, 'the group was not answered');
      }
    };
    if (code === assignPartitions) {
      answer(() => consumer.incrementalAssign(named));
      if (this.#closing) return;
      this.#become(assigned(this.#share, partitions));
      this.#say(null);
    } else if (code === revokePartitions) {
      const release = () => {
        for (const partition of partitions) this.#backlog.forget(partition);
        answer(() => consumer.incrementalUnassign(named));
      };
      if (this.#closing) release();
      else if (consumer.assignmentLost()) {
        release();
        this.#become(lost(this.#share, partitions));
      } else void this.#giveBack(consumer, partitions).then(release, release);
    } else log.debug({ code }, 'unexpected rebalance event');
  }

  async #giveBack(consumer: NativeConsumer, partitions: readonly number[]): Promise<void> {
    this.#share = revoked(this.#share, partitions);
    this.#options.log.info({ partitions, held: [...this.#share.held] }, 'the group takes work back: it is ended in good order');
    await this.#handler?.released();
    this.#commit(consumer, new Set([...this.#share.held, ...partitions]));
  }

  #become(share: Share): void {
    const before = this.#share;
    this.#share = share;
    if (worked(before) === worked(share)) return;
    const { log } = this.#options;
    if (share.partitions > 0 && share.joined) log.info({ held: [...share.held], of: share.partitions }, 'the share of this worker');
    else if (share.alone) log.info('this worker works on all datasets');
    this.#handler?.gained();
    void this.#handler?.released();
  }

  /** Said once each time it is another cause. */
  #say(error: unknown): void {
    const { log, topic } = this.#options;
    const words = error === null ? null : describeError(error);
    if (words === this.#trouble) return;
    this.#trouble = words;
    if (words === null) log.info({ topic }, 'joined the group of table workers');
    else if (isKind(error, 'invalid'))
      log.warn(
        { topic, err: error },
        `announcements cannot be used: this worker works on all datasets and finds news by looking: ${words}`,
      );
    else log.warn({ topic, err: error }, `announcements cannot be heard now; work goes on: ${words}`);
  }

  /** Leaves the group; what was held is gone on with until the next assignment. */
  async #leave(): Promise<void> {
    const consumer = this.#consumer;
    this.#consumer = undefined;
    if (consumer === undefined) return;
    this.#commit(consumer, this.#share.held);
    this.#closing = true;
    const left = new Promise<void>((resolve) => consumer.disconnect(() => resolve()));
    await Promise.race([left, this.#options.clock.sleep(closeTimeoutMs)]);
    this.#closing = false;
    for (const partition of this.#share.held) this.#backlog.forget(partition);
    this.#share = lost(this.#share, [...this.#share.held]);
  }
}

/** Text that differs when other datasets are worked on. */
function worked({ partitions, joined, alone, held, fading }: Share): string {
  if (partitions === 0 || !joined) return alone ? 'all' : 'none';
  return `${[...held, ...fading].sort((a, b) => a - b).join()} of ${partitions}`;
}
