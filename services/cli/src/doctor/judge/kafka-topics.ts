import { receiveBytesMax } from '@millrace/core/adapters/kafka/properties.ts';
import { bytesText, type Finding, failure, ok, unknown, warning } from '../finding.ts';

/** What Kafka tells of a topic. `operations` this login may use on it, null when the broker does not tell. */
export type TopicFact = {
  topic: string;
  state: 'there' | 'missing' | 'refused';
  partitions: { leader: number; replicas: number; inSync: number }[];
  operations: ReadonlySet<string> | null;
  /** `max.message.bytes` and `min.insync.replicas`; null when this login may not ask (DescribeConfigs) */
  messageBytesMax: number | null;
  inSyncMin: number | null;
};

/** A fetch answer is so much larger than the batch in it at most, bytes. */
const answerOverheadBytes = 512;
/** The largest announcement with key and batch around it, bytes. */
export const announcementBytesMax = 1_024;
/** What a record costs while it is sealed, times its size (README, "Memory"). */
const sealFactor = 5;

/**
 * Sizes, leaders and copies of one source topic. Pure; rights are judged apart.
 * @param brokers how many there are  @param bufferBytesMax MILLRACE_BUFFER_BYTES_MAX
 */
export function judgeSourceTopic(fact: TopicFact, brokers: number, bufferBytesMax: number): Finding[] {
  const { topic } = fact;
  if (fact.state === 'missing')
    return [
      warning(
        `topic ${topic} does not exist`,
        `create it (kafka-topics.sh --create --topic ${topic}), or delete the dataset; until then its dataset waits`,
      ),
    ];
  if (fact.state === 'refused') return [];
  const findings = judgeCopies(fact, brokers);
  const size = fact.messageBytesMax;
  if (size !== null && size + answerOverheadBytes > receiveBytesMax)
    findings.push(
      failure(
        `topic ${topic} allows batches of ${bytesText(size)} (max.message.bytes); landing takes at most ${bytesText(receiveBytesMax - answerOverheadBytes)}`,
        `kafka-configs.sh --alter --entity-type topics --entity-name ${topic} --add-config max.message.bytes=${receiveBytesMax - answerOverheadBytes}`,
      ),
    );
  else if (size !== null && size * sealFactor > bufferBytesMax)
    findings.push(
      warning(
        `topic ${topic} allows records of ${bytesText(size)} (max.message.bytes), and one takes about ${sealFactor} times its size on top of MILLRACE_BUFFER_BYTES_MAX (${bytesText(bufferBytesMax)})`,
        `give phase 1 ${bytesText(size * sealFactor)} more memory than its budget needs, or lower max.message.bytes of the topic`,
      ),
    );
  if (findings.length === 0)
    findings.push(
      ok(
        `topic ${topic}: ${fact.partitions.length} partitions${size === null ? '' : `, records up to ${bytesText(size)}`}, every one has a leader`,
      ),
    );
  return findings;
}

/**
 * The internal topic of announcements. Pure.
 * @param brokerBytesMax `message.max.bytes` of the brokers, which a topic that is made has too; null when they do not tell
 * @param mayCreate whether Kafka would let this login create it; null when it was not asked
 */
export function judgeAnnouncements(
  fact: TopicFact,
  brokers: number,
  brokerBytesMax: number | null,
  mayCreate: { yes: boolean; words: string } | null,
): Finding[] {
  const { topic } = fact;
  const tooSmall = (what: string, bytes: number, fix: string) =>
    failure(
      `${what} is ${bytes} bytes: announcements on ${topic} need ${announcementBytesMax}, so phase 2 would learn of entries only by looking`,
      fix,
    );
  if (fact.state === 'refused') return [];
  if (fact.state === 'missing') {
    if (mayCreate !== null && !mayCreate.yes)
      return [
        warning(
          `topic ${topic} does not exist and this login may not create it (${mayCreate.words}): each phase-2 worker works on all datasets, looking every 2 s`,
          `create it (kafka-topics.sh --create --topic ${topic} --partitions 16 --config retention.ms=86400000), or allow Create on it`,
        ),
      ];
    if (brokerBytesMax !== null && brokerBytesMax < announcementBytesMax)
      return [
        tooSmall('message.max.bytes of the brokers', brokerBytesMax, 'raise message.max.bytes of the brokers (Kafka’s default is 1048588)'),
      ];
    return [ok(`announcements: topic ${topic} is not there yet; phase 1 creates it`)];
  }
  const findings = judgeCopies(fact, brokers);
  if (fact.messageBytesMax !== null && fact.messageBytesMax < announcementBytesMax)
    findings.push(
      tooSmall(
        `max.message.bytes of topic ${topic}`,
        fact.messageBytesMax,
        `kafka-configs.sh --alter --entity-type topics --entity-name ${topic} --add-config max.message.bytes=1048588`,
      ),
    );
  if (findings.length === 0)
    findings.push(
      ok(
        `announcements: topic ${topic}, ${fact.partitions.length} partitions, so at most ${fact.partitions.length} phase-2 workers share the datasets`,
      ),
    );
  return findings;
}

function judgeCopies({ topic, partitions, inSyncMin }: TopicFact, brokers: number): Finding[] {
  const findings: Finding[] = [];
  const numbers = (which: (partition: TopicFact['partitions'][number]) => boolean) =>
    partitions.flatMap((partition, number) => (which(partition) ? [number] : [])).join(', ');
  const headless = numbers(({ leader }) => leader < 0);
  if (headless !== '')
    findings.push(
      failure(
        `topic ${topic}: partition ${headless} has no leader, so nothing can be read or written there`,
        'start the brokers that hold its copies (kafka-topics.sh --describe --unavailable-partitions)',
      ),
    );
  const behind = numbers(({ leader, replicas, inSync }) => leader >= 0 && inSync < replicas);
  if (behind !== '')
    findings.push(
      warning(
        `topic ${topic}: partition ${behind} has copies that are not in sync`,
        'look at the brokers that hold them (kafka-topics.sh --describe --under-replicated-partitions)',
      ),
    );
  const copies = Math.min(...partitions.map(({ replicas }) => replicas));
  if (brokers > 1 && copies === 1)
    findings.push(
      warning(
        `topic ${topic} has one copy on a cluster of ${brokers} brokers: one lost disk loses what has not landed yet`,
        'raise its replication factor (kafka-reassign-partitions.sh) to 3, or 2 with two brokers',
      ),
    );
  if (copies > 1 && inSyncMin !== null && inSyncMin >= copies)
    findings.push(
      warning(
        `topic ${topic}: min.insync.replicas ${inSyncMin} of ${copies} copies: producers stop as soon as one broker is away`,
        `set min.insync.replicas to ${copies - 1}`,
      ),
    );
  return findings;
}

/** What a consumer group told of itself. `operations` null when the broker does not tell. */
export type GroupFact = { group: string; state: string; members: number; refused: boolean; operations: ReadonlySet<string> | null };

/** State of a worker group. Pure. @param role whose group it is  @param service how to start it */
export function judgeGroup({ group, state, members, refused }: GroupFact, role: string): Finding {
  if (refused) return unknown(`group ${group}: this login may not look at it`);
  if (members > 0 && /stable/i.test(state)) return ok(`group ${group} is stable, ${members} ${members === 1 ? 'worker' : 'workers'}`);
  if (members > 0)
    return warning(
      `group ${group} is in state ${state} with ${members} workers: it is sharing partitions out`,
      `look again in a minute; if it stays so, a ${role} worker joins and leaves over and over: read the workers' logs`,
    );
  return warning(`group ${group} has no member: no ${role} worker runs`, `start a ${role} worker, unless it is off on purpose`);
}
