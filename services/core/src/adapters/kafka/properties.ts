import { MillraceError } from '../../domain/errors.ts';

/** Settings of the client as librdkafka names them. */
export type KafkaProperties = Readonly<Record<string, string>>;

/** Largest answer that landing accepts of a broker, bytes: far above its `message.max.bytes`, so that one huge record cannot stall a partition. */
export const receiveBytesMax = 1_000_000_000;

/**
 * What every landing consumer runs with. A properties file may repeat these values, not change them.
 * The reason is shown to whoever tries.
 */
const promises: Readonly<Record<string, { value: string; because: string }>> = {
  'enable.auto.commit': { value: 'false', because: 'offsets are committed after the chain entry, never before' },
  'enable.auto.offset.store': { value: 'false', because: 'offsets are committed after the chain entry, never before' },
  'auto.offset.reset': { value: 'error', because: 'a reset would skip or repeat records in silence' },
  'isolation.level': { value: 'read_committed', because: 'aborted transactions must not land' },
  'check.crcs': { value: 'true', because: 'damaged batches must not land' },
  'allow.auto.create.topics': { value: 'false', because: 'topics are never created by reading' },
  'enable.partition.eof': { value: 'true', because: 'the position moves past trailing control records' },
  'partition.assignment.strategy': { value: 'cooperative-sticky', because: 'a rebalance must not touch partitions that stay' },
};

/** Settings that have a setting of ours. */
const ours: Readonly<Record<string, string>> = {
  'group.protocol': 'MILLRACE_GROUP_PROTOCOL',
  'bootstrap.servers': 'KAFKA_BROKERS',
  'metadata.broker.list': 'KAFKA_BROKERS',
  'group.id': 'MILLRACE_GROUP_PREFIX',
  'session.timeout.ms': 'MILLRACE_SESSION_TIMEOUT_MS',
  'queued.max.messages.kbytes': 'MILLRACE_BUFFER_BYTES_MAX',
};

/** Settings nobody may give, with the reason. */
const refused: Readonly<Record<string, string>> = {
  'auto.commit.interval.ms': 'there is no auto commit',
  'auto.commit.enable': 'there is no auto commit',
  'group.instance.id': 'two processes with one file would throw each other out of the group',
  'offset.store.method': 'the chain is the only store of offsets',
  'plugin.library.paths': 'a plug-in could change what the consumer hands over',
};

/** Settings of a member of a group: see `memberProperties`. */
const ofMembers = 'partition.assignment.strategy';

/** Values of the promises, for the consumer's configuration. Pure. */
export function promisedProperties(): Record<string, string> {
  return Object.fromEntries(Object.entries(promises).flatMap(([name, { value }]) => (name === ofMembers ? [] : [[name, value]])));
}

/** How clients share partitions: `classic` by an assignment of their own, `consumer` by the brokers' (KIP-848). */
export type GroupProtocol = 'classic' | 'consumer';

/**
 * What makes a client a member of a consumer group; goes behind the promised properties. Pure.
 * Under `consumer` sessions, heartbeats and the assignment are the brokers' affair, and the client refuses settings for them.
 */
export function memberProperties(protocol: GroupProtocol, sessionTimeoutMs: number, properties: KafkaProperties): Record<string, string> {
  if (protocol === 'consumer') return { 'group.protocol': 'consumer' };
  return {
    'group.protocol': 'classic',
    [ofMembers]: promises[ofMembers]?.value ?? '',
    'session.timeout.ms': String(sessionTimeoutMs),
    'heartbeat.interval.ms':
      properties['heartbeat.interval.ms'] ?? String(Math.max(200, Math.min(3_000, Math.floor(sessionTimeoutMs / 6)))),
  };
}

/**
 * Reads a librdkafka properties file: `name=value` a line, `#` comments, white space around names and values ignored. Pure.
 * @param path for messages
 * @throws kind `invalid`, code `bad_kafka_properties`, naming every line that cannot be read and every setting that would break a promise
 */
export function parseKafkaProperties(text: string, path: string): KafkaProperties {
  const problems: string[] = [];
  const properties: Record<string, string> = {};
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const equals = line.indexOf('=');
    if (equals < 1) {
      problems.push(`line ${index + 1} is not name=value`);
      continue;
    }
    const name = line.slice(0, equals).trim();
    const value = line.slice(equals + 1).trim();
    const promise = promises[name];
    if (promise !== undefined && value.toLowerCase() !== promise.value)
      problems.push(`${name}=${value} is refused: it is always ${promise.value}, because ${promise.because}`);
    else if (ours[name] !== undefined) problems.push(`${name} is refused: set ${ours[name]} instead`);
    else if (refused[name] !== undefined) problems.push(`${name} is refused: ${refused[name]}`);
    else if (/_cb$/.test(name)) problems.push(`${name} is refused: callbacks are not settings of a file`);
    else if (promise === undefined) properties[name] = value;
  }
  if (problems.length > 0)
    throw new MillraceError('invalid', 'bad_kafka_properties', `KAFKA_PROPERTIES (${path}): ${problems.join('; ')}`, { path });
  return properties;
}
