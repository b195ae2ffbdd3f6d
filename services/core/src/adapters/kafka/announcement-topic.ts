import kafka, { type LibrdKafkaError } from '@confluentinc/kafka-javascript';
import { MillraceError } from '../../domain/errors.ts';
import { type KafkaProperties, promisedProperties } from './properties.ts';

/** The request to create it may take so long, ms. */
const createTimeoutMs = 10_000;
/** Announcements older than this are of no use to anybody, ms: what they told was found by looking long ago. */
const retentionMs = 24 * 3_600_000;
const topicAlreadyExists = 36;
/** The broker's default number of copies. */
const brokerDefault = -1;
/** librdkafka's own codes of brokers that are away, and Kafka's that time or a new controller mends. */
const passing = new Set([-195, -187, -185, -192, 7, 41, 44, 60, 89]);

/**
 * Creates the internal topic of announcements; one that is there already is left as it is.
 * @throws kind `unavailable` when Kafka is away, kind `invalid`, code `topic_not_created`, when Kafka refuses (no rights, a policy, a name that collides)
 */
export async function createAnnouncementTopic(options: {
  brokers: string;
  clientId: string;
  properties: KafkaProperties;
  topic: string;
  partitions: number;
}): Promise<void> {
  const { topic } = options;
  const ours = new Set([...Object.keys(promisedProperties()), 'client.id']);
  const properties = Object.fromEntries(Object.entries(options.properties).filter(([name]) => !ours.has(name)));
  const admin = kafka.AdminClient.create({ ...properties, 'bootstrap.servers': options.brokers, 'client.id': options.clientId } as never);
  try {
    await new Promise<void>((resolve, reject) => {
      const wanted = {
        topic,
        num_partitions: options.partitions,
        replication_factor: brokerDefault,
        config: { 'retention.ms': String(retentionMs), 'cleanup.policy': 'delete' },
      };
      admin.createTopic(wanted as never, createTimeoutMs, (error: LibrdKafkaError | undefined) => {
        if (!error || error.code === topicAlreadyExists) resolve();
        else reject(toError(error, topic));
      });
    });
  } finally {
    admin.disconnect();
  }
}

function toError(error: LibrdKafkaError, topic: string): MillraceError {
  const fields = { topic, kafkaCode: error.code };
  if (passing.has(error.code))
    return new MillraceError('unavailable', 'kafka_away', `the topic ${topic} cannot be created now: ${error.message}`, fields, error);
  return new MillraceError('invalid', 'topic_not_created', `Kafka refuses to create the topic ${topic}: ${error.message}`, fields, error);
}
