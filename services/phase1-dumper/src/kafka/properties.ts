export { type KafkaProperties, parseKafkaProperties, promisedProperties } from '@millrace/core/adapters/kafka/properties.ts';
