import type { BucketLook, BucketRule } from '@millrace/core/adapters/s3/bucket-look.ts';
import type { MillraceError } from '@millrace/core/domain/errors.ts';
import { probeFolder } from '@millrace/core/stores/probe-store.ts';
import { type Finding, failure, ok, unknown, warning } from '../finding.ts';

/** Storage classes from which an object cannot be read at once. */
const archives = /GLACIER(?!_IR)|DEEP_ARCHIVE/;

/** What went well on a store. `deletes`: whether the login may delete. */
export type StoreFacts = { url: string; setting: string; wrote: { deletes: boolean; leftBehind: number } | null };

/** A store that can be used. Pure. */
export function judgeStore({ url, wrote }: StoreFacts): Finding {
  if (wrote === null) return ok(`${url} can be read and listed`);
  const rights = wrote.deletes
    ? 'this login may also delete, which only maintenance needs'
    : `no right to delete, as it should be; ${wrote.leftBehind} small objects stay below ${probeFolder}/`;
  return ok(`${url} has atomic conditional writes; read, write and list are allowed; ${rights}`);
}

/** Words of S3 for a login that lacks a right. */
const todo: Readonly<Record<string, string>> = {
  bucket_missing: 'create the bucket, or correct {setting}',
  bad_credentials: 'correct AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or the role this process runs under',
  no_credentials: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run under a role that has credentials',
  no_permission: 'allow {rights} on {url}/* and s3:ListBucket on its bucket (deploy/iam has the policies)',
  wrong_region: 'set AWS_REGION to the region of the bucket',
  clock_skew: 'correct the clock of this machine: run an NTP service (chrony, systemd-timesyncd)',
  store_unsafe:
    'use a store with atomic conditional writes: AWS S3, Cloudflare R2, versitygw 1.8.0 or later, SeaweedFS 4.22 or later, or a local folder (file:///…)',
  condition_unsupported:
    'use a store with atomic conditional writes: AWS S3, Cloudflare R2, versitygw 1.8.0 or later, SeaweedFS 4.22 or later, or a local folder (file:///…)',
  nested_roots: 'give MILLRACE_RAW_URL and MILLRACE_TABLES_URL folders beside each other, e.g. …/raw and …/tables',
  refused: 'check {setting}, AWS_ENDPOINT_URL_S3 and MILLRACE_S3_FORCE_PATH_STYLE (true for most servers other than AWS)',
};

/**
 * What a store's error means for an operator. Pure.
 * @param writes whether the role writes there
 */
export function judgeStoreError(
  error: MillraceError,
  { url, setting, writes }: { url: string; setting: string; writes: boolean },
): Finding {
  const rights = writes ? 's3:GetObject and s3:PutObject' : 's3:GetObject';
  const fill = (text: string) => text.replaceAll('{setting}', setting).replaceAll('{url}', url).replaceAll('{rights}', rights);
  const known = todo[error.code];
  if (known !== undefined) return failure(error.message, fill(known));
  if (url.startsWith('file:'))
    return failure(
      error.message,
      `make the folder of ${setting} readable${writes ? ' and writable' : ''} for the services' user, with free space`,
    );
  if (error.kind === 'unavailable')
    return failure(error.message, `start the store or open the way to it; AWS_ENDPOINT_URL_S3 and ${setting} say where it is looked for`);
  return failure(error.message, `correct ${setting}`);
}

/** One of our folders in a bucket. `prefix` without slashes at its ends; empty: the whole bucket. */
export type Root = { setting: string; prefix: string };

/** Lifecycle and versioning of a bucket against the folders we keep there. Pure. */
export function judgeBucket(bucket: string, look: BucketLook, roots: readonly Root[]): Finding[] {
  const findings = roots.flatMap((root) => (look.rules ?? []).flatMap((rule) => judgeRule(bucket, rule, root)));
  if (look.why !== null)
    findings.push(
      unknown(
        `s3://${bucket}: not told (${look.why}); look at its lifecycle rules yourself: none may delete below ${roots.map(({ prefix }) => `${prefix}/`).join(' or ')}`,
      ),
    );
  if (look.versioning === 'Enabled' && look.rules !== null && !look.rules.some((rule) => rule.enabled && rule.removesOldVersions))
    findings.push(
      warning(
        `s3://${bucket} keeps every old version for ever (versioning without a rule for old versions): _last_checkpoint of each table is replaced often`,
        'add a lifecycle rule with NoncurrentVersionExpiration, e.g. 30 days; it never touches current objects',
      ),
    );
  if (findings.length === 0)
    findings.push(
      ok(
        `s3://${bucket}: no lifecycle rule deletes or archives our objects; versioning ${look.versioning === null ? 'unknown' : look.versioning.toLowerCase()}`,
      ),
    );
  return findings;
}

function judgeRule(bucket: string, rule: BucketRule, { setting, prefix }: Root): Finding[] {
  const root = prefix === '' ? '' : `${prefix}/`;
  const meets = root.startsWith(rule.prefix) || rule.prefix.startsWith(root);
  // the probe's own leavings may go
  if (!rule.enabled || rule.byTag || !meets || rule.prefix.startsWith(`${root}${probeFolder}/`)) return [];
  const name = `lifecycle rule "${rule.id}" of s3://${bucket}${rule.prefix === '' ? '' : ` (prefix ${rule.prefix})`}`;
  const except = `limit it to a prefix outside ${root === '' ? 'our objects' : root} or disable it: raw objects, chains and tables are removed only by Millrace`;
  if (rule.expires !== null) {
    const when = rule.expires.days === null ? `on ${rule.expires.date}` : `after ${rule.expires.days} days`;
    return [failure(`${name} deletes objects below ${setting} ${when}, the chain and its records with them`, except)];
  }
  if (rule.movesTo.some((to) => archives.test(to)))
    return [failure(`${name} moves objects below ${setting} to ${rule.movesTo.join(', ')}, from where they cannot be read`, except)];
  return [];
}
