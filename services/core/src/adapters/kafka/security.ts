import { readFileSync } from 'node:fs';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { MillraceError } from '../../domain/errors.ts';
import type { KafkaProperties } from './properties.ts';

const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

/** Security of a connection, in the words of Node's TLS and of the TypeScript Kafka client. */
export type KafkaConnectionSecurity = {
  tls?: TlsOptions;
  tlsServerName?: boolean;
  sasl?: { mechanism: (typeof mechanisms)[number]; username: string; password: string };
};

/** What could be carried over; `unsupported` names the settings that cannot be followed. */
export type MetadataSecurity = { options: KafkaConnectionSecurity } | { unsupported: string };

/**
 * Carries librdkafka's security settings over to the client that asks for topic ids and offsets.
 * @param readFile reads certificate files; the default reads the disk
 * @throws kind `invalid`, code `bad_kafka_security`, for a file that cannot be read or a protocol that does not exist
 */
export function metadataSecurity(
  properties: KafkaProperties,
  readFile: (path: string) => string | Buffer = readFileSync,
): MetadataSecurity {
  const protocol = (properties['security.protocol'] ?? 'plaintext').toLowerCase();
  if (!['plaintext', 'ssl', 'sasl_plaintext', 'sasl_ssl'].includes(protocol))
    throw new MillraceError('invalid', 'bad_kafka_security', `security.protocol=${protocol} does not exist`);

  const load = (name: string): string | Buffer | undefined => {
    const path = properties[`${name}.location`];
    if (path === undefined) return properties[`${name}.pem`];
    try {
      return readFile(path);
    } catch (cause) {
      throw new MillraceError('invalid', 'bad_kafka_security', `${name}.location=${path} cannot be read`, { path }, cause);
    }
  };

  let tls: TlsOptions | undefined;
  if (protocol.endsWith('ssl')) {
    for (const name of ['ssl.engine.location', 'ssl.providers', 'ssl.crl.location', 'ssl.certificate.store'])
      if (properties[name] !== undefined) return { unsupported: name };
    tls = {
      ca: load('ssl.ca'),
      cert: load('ssl.certificate'),
      key: load('ssl.key'),
      pfx: load('ssl.keystore'),
      passphrase: properties['ssl.key.password'] ?? properties['ssl.keystore.password'],
    };
    if (properties['enable.ssl.certificate.verification'] === 'false') tls.rejectUnauthorized = false;
    if (properties['ssl.endpoint.identification.algorithm'] === 'none') tls.checkServerIdentity = () => undefined;
    for (const [name, value] of Object.entries(tls)) if (value === undefined) delete tls[name as keyof TlsOptions];
  }

  let sasl: KafkaConnectionSecurity['sasl'];
  if (protocol.startsWith('sasl')) {
    const wanted = (properties['sasl.mechanism'] ?? properties['sasl.mechanisms'] ?? 'GSSAPI').toUpperCase();
    const mechanism = mechanisms.find((known) => known === wanted);
    if (mechanism === undefined) return { unsupported: `sasl.mechanism=${wanted}` };
    sasl = { mechanism, username: properties['sasl.username'] ?? '', password: properties['sasl.password'] ?? '' };
  }
  return { options: { ...(tls === undefined ? {} : { tls, tlsServerName: true }), ...(sasl === undefined ? {} : { sasl }) } };
}
