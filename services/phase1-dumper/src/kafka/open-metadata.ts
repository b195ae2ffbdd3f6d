import type { KafkaProperties } from '@millrace/core/adapters/kafka/properties.ts';
import { metadataSecurity } from '@millrace/core/adapters/kafka/security.ts';
import type { Clock } from '@millrace/core/ports/clock.ts';
import type { SourceMetadata } from '../dump/source-metadata.ts';
import { KafkaMetadata } from './metadata.ts';
import { NativeMetadata } from './native-metadata.ts';

/** The metadata client that the security settings allow: the one that asks leaders, or else the native one with its checks that are off said aloud. */
export function openMetadata(options: { brokers: string; clientId: string; properties: KafkaProperties; clock: Clock }): SourceMetadata {
  const security = metadataSecurity(options.properties);
  if ('options' in security)
    return new KafkaMetadata({ brokers: options.brokers, clientId: options.clientId, security: security.options, clock: options.clock });
  return new NativeMetadata({ ...options, unsupported: security.unsupported });
}
