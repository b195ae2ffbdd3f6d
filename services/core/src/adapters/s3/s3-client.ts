import { S3Client } from '@aws-sdk/client-s3';

/** Sockets one store keeps open at most. */
const socketsMax = 64;
const connectMs = 5_000;

/** What the AWS SDK's own variables do not say. Credentials, endpoint and region come from them unless given here. */
export type S3Connection = {
  /** address buckets by path, as most servers other than AWS need */
  forcePathStyle?: boolean | undefined;
  endpoint?: string | undefined;
  region?: string | undefined;
  credentials?: { accessKeyId: string; secretAccessKey: string } | undefined;
};

/**
 * A client that sends each request once: repeating is decided by us, because a repeated conditional put turns one's own win into a 412.
 * Checksums only where S3 demands them: many other servers refuse `aws-chunked` trailers.
 * Without any region in the environment `us-east-1` is signed for, which is what most S3 servers expect and AWS corrects by name.
 */
export async function openS3Client(connection: S3Connection): Promise<{ client: S3Client; endpoint: string }> {
  const configured = (region: string | undefined) =>
    new S3Client({
      maxAttempts: 1,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        connectionTimeout: connectMs,
        httpAgent: { keepAlive: true, maxSockets: socketsMax },
        httpsAgent: { keepAlive: true, maxSockets: socketsMax },
      },
      ...(connection.forcePathStyle === undefined ? {} : { forcePathStyle: connection.forcePathStyle }),
      ...(connection.endpoint === undefined ? {} : { endpoint: connection.endpoint }),
      ...(connection.credentials === undefined ? {} : { credentials: connection.credentials }),
      ...(region === undefined ? {} : { region }),
    });
  let client = configured(connection.region);
  const region = await client.config.region().catch(() => undefined);
  if (region === undefined) {
    client.destroy();
    client = configured('us-east-1');
  }
  return { client, endpoint: await endpointOf(client, region ?? 'us-east-1') };
}

/** What the client knows of the endpoint that AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or a profile gives; its own `endpoint` stays empty then. */
type ConfiguredEndpoint = { serviceConfiguredEndpoint?: () => Promise<string | undefined>; ignoreConfiguredEndpointUrls?: unknown };

/** Address for messages, the one that requests go to. */
async function endpointOf(client: S3Client, region: string): Promise<string> {
  const given = await client.config.endpoint?.().catch(() => undefined);
  if (given !== undefined) return `${given.protocol}//${given.hostname}${given.port === undefined ? '' : `:${given.port}`}`;
  const { serviceConfiguredEndpoint, ignoreConfiguredEndpointUrls } = client.config as ConfiguredEndpoint;
  if (ignoreConfiguredEndpointUrls !== true) {
    const configured = await serviceConfiguredEndpoint?.().catch(() => undefined);
    if (configured !== undefined && URL.canParse(configured)) return new URL(configured).origin;
  }
  return `s3.${region}.amazonaws.com`;
}
