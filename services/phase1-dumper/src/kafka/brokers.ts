import { describeError, MillraceError } from '@millrace/core/domain/errors.ts';
import {
  apiVersionsV0,
  apiVersionsV3,
  Connection,
  type ConnectionOptions,
  listOffsetsV2,
  listOffsetsV4,
  listOffsetsV7,
  listOffsetsV9,
  metadataV2,
  metadataV5,
  metadataV7,
  metadataV9,
  metadataV10,
  metadataV12,
} from '@platformatic/kafka';

/*
 * Connections of the metadata client, one a broker, each speaking the newest versions both sides know.
 */

/** One request may take so long, ms; so may connecting. */
const requestTimeoutMs = 5_000;
/** Requests in flight a connection. */
const inFlightMax = 32;

/** Apis that take the same arguments in all these versions, newest first. Below Metadata v10 a broker has no topic ids. */
const metadataApis = [metadataV12, metadataV10, metadataV9, metadataV7, metadataV5, metadataV2].map(({ api }) => api);
/** ConsumerGroupHeartbeat, in the version that the native client needs. */
const consumerGroupHeartbeat = { key: 68, version: 1 };
const listOffsetsApis = [listOffsetsV9, listOffsetsV7, listOffsetsV4, listOffsetsV2].map(({ api }) => api);

export type BrokerAddress = { host: string; port: number };

/** A connected broker and the versions to speak with it. */
export type Broker = {
  address: string;
  connection: Connection;
  metadata: (typeof metadataApis)[number];
  listOffsets: (typeof listOffsetsApis)[number];
  /** has the group protocol of KIP-848 as clients speak it */
  consumerProtocol: boolean;
};

/** Splits `host:port[,host:port…]`, IPv6 in brackets. Pure; the settings schema has checked the form. */
export function parseBrokers(text: string): BrokerAddress[] {
  return text.split(',').map((part) => {
    const at = part.trim().lastIndexOf(':');
    return {
      host: part
        .trim()
        .slice(0, at)
        .replace(/^\[|\]$/g, ''),
      port: Number(part.trim().slice(at + 1)),
    };
  });
}

/** Keeps one connection a broker address; a broken one is replaced at the next use. */
export class BrokerConnections {
  readonly #clientId: string;
  readonly #options: ConnectionOptions;
  readonly #open = new Map<string, Promise<Broker>>();

  constructor(clientId: string, security: ConnectionOptions) {
    this.#clientId = clientId;
    this.#options = { ...security, connectTimeout: requestTimeoutMs, requestTimeout: requestTimeoutMs, maxInflights: inFlightMax };
  }

  /** @throws kind `unavailable`, code `broker_unreachable`, with address and cause */
  async to({ host, port }: BrokerAddress): Promise<Broker> {
    const address = `${host}:${port}`;
    const known = this.#open.get(address);
    if (known !== undefined) {
      const broker = await known.catch(() => undefined);
      if (broker?.connection.isConnected()) return broker;
      if (this.#open.get(address) === known) this.#open.delete(address);
    }
    const opening = this.#open.get(address) ?? this.#connect(host, port, address);
    this.#open.set(address, opening);
    try {
      return await opening;
    } catch (cause) {
      if (this.#open.get(address) === opening) this.#open.delete(address);
      throw new MillraceError('unavailable', 'broker_unreachable', `Kafka broker ${address} cannot be reached`, { address }, cause);
    }
  }

  async #connect(host: string, port: number, address: string): Promise<Broker> {
    const connection = new Connection(this.#clientId, this.#options);
    connection.on('error', () => {}); // every request in flight gets the error; this keeps it from being an uncaught one
    await connection.connect(host, port);
    try {
      const versions = await apiVersionsV3.api
        .async(connection, 'millrace', '1')
        .catch(() => apiVersionsV0.api.async(connection, 'millrace', '1'));
      const newest = <A extends { key: number; version: number }>(apis: A[], name: string): A => {
        const range = versions.apiKeys.find(({ apiKey }) => apiKey === apis[0]?.key);
        const api = apis.find(({ version }) => range !== undefined && version >= range.minVersion && version <= range.maxVersion);
        if (api === undefined)
          throw new MillraceError('invalid', 'broker_too_old', `Kafka broker ${address} speaks no version of ${name} that we know`, {
            address,
          });
        return api;
      };
      const heartbeat = versions.apiKeys.find(({ apiKey }) => apiKey === consumerGroupHeartbeat.key);
      return {
        address,
        connection,
        metadata: newest(metadataApis, 'Metadata'),
        listOffsets: newest(listOffsetsApis, 'ListOffsets'),
        consumerProtocol: heartbeat !== undefined && heartbeat.maxVersion >= consumerGroupHeartbeat.version,
      };
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const brokers = [...this.#open.values()];
    this.#open.clear();
    for (const opening of brokers) await opening.then(({ connection }) => connection.close()).catch(() => undefined);
  }
}

/** The answer inside a vendor error that only says that parts of it carry error codes; anything else becomes ours. */
export function answerWithin<T>(error: unknown, address: string): T {
  const { code, response } = error as { code?: unknown; response?: T };
  if (code === 'PLT_KFK_RESPONSE' && response !== undefined) return response;
  throw new MillraceError(
    'unavailable',
    'broker_request_failed',
    `Kafka broker ${address} did not answer: ${describeError(error)}`,
    { address },
    error,
  );
}
