import { readFileSync } from 'node:fs';
import { type KafkaProperties, parseKafkaProperties } from '@millrace/core/adapters/kafka/properties.ts';
import { type KafkaConnectionSecurity, metadataSecurity } from '@millrace/core/adapters/kafka/security.ts';
import { describeError, MillraceError } from '@millrace/core/domain/errors.ts';
import { apiVersionsV3, Connection, metadataV12 } from '@platformatic/kafka';
import type { BrokerApis, BrokerFact, Trouble } from '../judge/brokers.ts';

/** Connecting, with TLS and login, and each request may take so long, ms. */
const answerMs = 6_000;
const clientId = 'millrace-doctor';

/** How brokers are reached: `unsupported` names a security setting that this client cannot follow. */
export type KafkaAccess = { brokers: string; properties: KafkaProperties; security: KafkaConnectionSecurity; unsupported: string | null };

/** @throws kind `invalid` for a properties file that cannot be read or used */
export function readKafkaAccess(brokers: string, path: string | undefined): KafkaAccess {
  let text = '';
  try {
    if (path !== undefined) text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new MillraceError('invalid', 'bad_kafka_properties', `KAFKA_PROPERTIES: ${path} cannot be read`, {}, cause);
  }
  const properties = parseKafkaProperties(text, path ?? '');
  const security = metadataSecurity(properties);
  return 'options' in security
    ? { brokers, properties, security: security.options, unsupported: null }
    : { brokers, properties, security: {}, unsupported: security.unsupported };
}

/** `host:port` of each bootstrap server. Pure. */
export const bootstrapAddresses = (brokers: string): string[] => brokers.split(',').map((text) => text.trim());

/** A connected broker. */
export type OpenBroker = { address: string; connection: Connection; apis: BrokerApis; metadataVersion: number | null };

/** Connections of one check; `close` ends them all, also those that still hang. */
export class KafkaConnections {
  readonly #access: KafkaAccess;
  readonly #all: Connection[] = [];

  constructor(access: KafkaAccess) {
    this.#access = access;
  }

  /** @throws whatever the client throws: see {@link troubleOf} */
  async open(address: string): Promise<OpenBroker> {
    const at = address.lastIndexOf(':');
    const host = address.slice(0, at).replace(/^\[|\]$/g, '');
    const connection = new Connection(clientId, { ...this.#access.security, connectTimeout: answerMs, requestTimeout: answerMs });
    connection.on('error', () => undefined);
    this.#all.push(connection);
    await connection.connect(host, Number(address.slice(at + 1)));
    const versions = await apiVersionsV3.api.async(connection, 'millrace', '1').catch(answerWithin<apiVersionsV3.ApiVersionsResponse>);
    return {
      address,
      connection,
      apis: new Map(versions.apiKeys.map(({ apiKey, maxVersion }) => [apiKey, maxVersion])),
      metadataVersion: versions.finalizedFeatures?.find(({ name }) => name === 'metadata.version')?.maxVersionLevel ?? null,
    };
  }

  /** The first bootstrap server that answers; undefined when none does. */
  async any(): Promise<OpenBroker | undefined> {
    return Promise.any(bootstrapAddresses(this.#access.brokers).map((address) => this.open(address))).catch(() => undefined);
  }

  /** What became of one address. Never rejects. */
  async look(address: string, advertisedBy: number | null): Promise<{ fact: BrokerFact; advertised: { node: number; address: string }[] }> {
    try {
      const { connection, apis, metadataVersion } = await this.open(address);
      const metadata = await metadataV12.api.async(connection, [], false, false).catch(answerWithin<metadataV12.MetadataResponse>);
      const advertised = metadata.brokers.map(({ nodeId, host, port }) => ({
        node: nodeId,
        address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
      }));
      return {
        fact: { address, advertisedBy, outcome: { kind: 'up', clusterId: metadata.clusterId ?? null, metadataVersion, apis } },
        advertised,
      };
    } catch (error) {
      return { fact: { address, advertisedBy, outcome: troubleOf(error) }, advertised: [] };
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#all.map(async (connection) => connection.socket?.destroy()));
  }
}

/** The answer inside a vendor error that only says that a part of it carries an error code. @throws the error itself when there is none */
export function answerWithin<T>(error: unknown): T {
  const { code, response } = error as { code?: unknown; response?: T };
  if (code === 'PLT_KFK_RESPONSE' && response !== undefined) return response;
  throw error;
}

/** What an error of a connection means. Pure. */
export function troubleOf(error: unknown): { kind: Trouble; words: string } {
  const chain = errorsWithin(error);
  const said = chain.at(-1) ?? error;
  const words = [...new Set([describeError(said)])].join(': ').slice(0, 200);
  const code = (pattern: RegExp) => chain.some((each) => pattern.test(String((each as { code?: unknown }).code ?? '')));
  const says = (pattern: RegExp) => chain.some((each) => each instanceof Error && pattern.test(each.message));
  if (says(/SASL mechanism|UNSUPPORTED_SASL/i)) return { kind: 'mechanism', words };
  if (code(/PLT_KFK_AUTHENTICATION/) || says(/SASL authentication failed|SASL_AUTHENTICATION_FAILED/i)) return { kind: 'login', words };
  if (code(/ENOTFOUND|EAI_AGAIN/)) return { kind: 'name', words };
  if (code(/ECONNREFUSED/)) return { kind: 'refused', words };
  if (code(/CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME/)) return { kind: 'certificate', words };
  if (code(/ERR_SSL|EPROTO/) || says(/\bTLS\b|SSL/)) return { kind: 'tls', words };
  if (code(/EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/) || says(/^Connection to .* timed out/)) return { kind: 'unreachable', words };
  if (says(/Request timed out|timed out/i)) return { kind: 'silent', words };
  if (code(/ECONNRESET|EPIPE/) || says(/closed/i)) return { kind: 'closed', words };
  return { kind: 'other', words };
}

/** An error, its causes and the errors of an aggregate, outermost first. */
function errorsWithin(error: unknown, depth = 0): unknown[] {
  if (error === undefined || error === null || depth > 5) return [];
  const { cause, errors } = error as { cause?: unknown; errors?: unknown[] };
  return [
    error,
    ...(Array.isArray(errors) ? errors.flatMap((each) => errorsWithin(each, depth + 1)) : []),
    ...errorsWithin(cause, depth + 1),
  ];
}
