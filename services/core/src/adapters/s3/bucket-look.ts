import {
  GetBucketLifecycleConfigurationCommand,
  GetBucketVersioningCommand,
  HeadBucketCommand,
  type LifecycleRule,
  type S3Client,
} from '@aws-sdk/client-s3';
import { MillraceError } from '../../domain/errors.ts';
import { openS3Client, type S3Connection } from './s3-client.ts';
import { codeOf, s3Error } from './s3-errors.ts';

/** A lifecycle rule as far as it matters to us: which objects it means and what it does to them. Days count from an object's creation. */
export type BucketRule = {
  id: string;
  enabled: boolean;
  /** begins the keys it means; empty: all */
  prefix: string;
  /** it means only objects with tags, which ours never carry */
  byTag: boolean;
  /** it removes current objects */
  expires: { days: number | null; date: string | null } | null;
  /** storage classes it moves current objects to */
  movesTo: string[];
  /** it removes old versions */
  removesOldVersions: boolean;
};

/** What a bucket says of itself. `null`: the server does not tell, or this login may not ask; `why` then says it. */
export type BucketLook = {
  rules: BucketRule[] | null;
  /** `Enabled`, `Suspended`, or `off` */
  versioning: string | null;
  why: string | null;
};

/** Looks at the bucket of an `s3://` URL: lifecycle and versioning. Reads only. @throws as the store does, when the bucket cannot be asked at all */
export async function lookAtBucket(url: string, connection: S3Connection, signal: AbortSignal): Promise<BucketLook> {
  const { client, bucket, endpoint } = await open(url, connection);
  const asked = { abortSignal: signal };
  try {
    let why: string | null = null;
    const refused = (error: unknown, what: string) => {
      if (!answersWithRefusal.has(codeOf(error))) throw asOurs(error, url, endpoint);
      why ??= `${what}: ${codeOf(error)}`;
      return null;
    };
    const rules = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }), asked).then(
      ({ Rules = [] }) => Rules.map(ruleOf),
      (error: unknown) => (codeOf(error) === 'NoSuchLifecycleConfiguration' ? [] : refused(error, 'lifecycle rules')),
    );
    const versioning = await client.send(new GetBucketVersioningCommand({ Bucket: bucket }), asked).then(
      ({ Status }) => Status ?? 'off',
      (error: unknown) => refused(error, 'versioning'),
    );
    return { rules, versioning, why };
  } finally {
    client.destroy();
  }
}

/** Refusals that say nothing about the bucket's health: not offered there, or not allowed to us. */
const answersWithRefusal = new Set([
  'NotImplemented',
  'AccessDenied',
  'MethodNotAllowed',
  'UnsupportedOperation',
  'VersioningNotConfigured',
]);

/**
 * How far the server's clock is ahead of ours, ms, by the Date of its answer to one small request, whatever that answer is.
 * @throws when it gives none
 */
export async function bucketClockAheadMs(url: string, connection: S3Connection, signal: AbortSignal): Promise<number> {
  const { client, bucket, endpoint } = await open(url, connection);
  let date: string | undefined;
  client.middlewareStack.add(
    (next) => async (args) => {
      const answer = await next(args);
      date = (answer.response as { headers?: Record<string, string> }).headers?.date;
      return answer;
    },
    // next to the wire: before a refusal becomes an error
    { step: 'deserialize', priority: 'low', name: 'millraceDate' },
  );
  try {
    const sentAt = Date.now();
    const failed = await client.send(new HeadBucketCommand({ Bucket: bucket }), { abortSignal: signal }).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (date === undefined) throw asOurs(failed, url, endpoint);
    // the Date is cut to whole seconds: half of one is the best guess
    return Date.parse(date) + 500 - (sentAt + Date.now()) / 2;
  } finally {
    client.destroy();
  }
}

async function open(url: string, connection: S3Connection): Promise<{ client: S3Client; bucket: string; endpoint: string }> {
  return { ...(await openS3Client(connection)), bucket: new URL(url).host };
}

function asOurs(error: unknown, url: string, endpoint: string): MillraceError {
  if (error === undefined) return new MillraceError('unavailable', 'no_date', `${endpoint} answers without a Date`, { endpoint });
  return s3Error({ doing: 'cannot look at', url, endpoint, key: '', conditional: false, timedOut: false, stopped: false }, error);
}

function ruleOf({ ID, Status, Prefix, Filter, Expiration, Transitions, NoncurrentVersionExpiration }: LifecycleRule): BucketRule {
  const removes = Expiration !== undefined && (Expiration.Days !== undefined || Expiration.Date !== undefined);
  return {
    id: ID ?? '(without a name)',
    enabled: Status === 'Enabled',
    prefix: Filter?.And?.Prefix ?? Filter?.Prefix ?? Prefix ?? '',
    byTag: Filter?.Tag !== undefined || (Filter?.And?.Tags?.length ?? 0) > 0,
    expires: removes ? { days: Expiration.Days ?? null, date: Expiration.Date?.toISOString() ?? null } : null,
    movesTo: (Transitions ?? []).map(({ StorageClass }) => StorageClass ?? ''),
    removesOldVersions: NoncurrentVersionExpiration !== undefined,
  };
}
