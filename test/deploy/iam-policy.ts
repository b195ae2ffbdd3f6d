import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** As much of an IAM policy as ours use. */
export type Statement = {
  Sid: string;
  Effect: 'Allow' | 'Deny';
  Action: string[];
  Resource: string | string[];
  Condition?: { StringLikeIfExists: Record<string, string> };
};
export type Policy = { Version: string; Statement: Statement[] };

/** One thing somebody asks of S3; `prefix` is that of a listing, undefined where the request has none. */
export type Ask = { action: string; resource: string; prefix?: string | undefined };

export const roles = ['phase1', 'phase2', 'metastore', 'verify'] as const;
export type Role = (typeof roles)[number];

const folder = join(import.meta.dirname, '../../deploy/iam');

/** A role's policy with its names put in. */
export function readPolicy(role: Role, names: Readonly<Record<string, string>> = {}): Policy {
  const text = readFileSync(join(folder, `${role}.json`), 'utf8');
  return JSON.parse(Object.entries(names).reduce((filled, [name, value]) => filled.replaceAll(name, value), text)) as Policy;
}

/** IAM's patterns: `*` is anything, `?` one character. Pure. */
function isLike(pattern: string, text: string): boolean {
  const expression = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${expression}$`, 's').test(text);
}

function covers({ Action, Resource, Condition }: Statement, { action, resource, prefix }: Ask): boolean {
  const pattern = Condition?.StringLikeIfExists['s3:prefix'];
  return (
    Action.some((each) => isLike(each.toLowerCase(), action.toLowerCase())) &&
    [Resource].flat().some((each) => isLike(each, resource)) &&
    (pattern === undefined || prefix === undefined || isLike(pattern, prefix))
  );
}

/** IAM's rule: one denial denies, else one allowance allows, else no. Pure. */
export function allows(policy: Policy, ask: Ask): boolean {
  const found = policy.Statement.filter((statement) => covers(statement, ask));
  return found.some(({ Effect }) => Effect === 'Allow') && !found.some(({ Effect }) => Effect === 'Deny');
}

/**
 * What a request in S3's dialect, with the bucket in its path, asks for. Pure.
 * @returns undefined for one that S3's dialect of ours does not have: nobody may do that
 */
export function askOf(method: string, target: string): Ask | undefined {
  const url = new URL(target, 'http://s3');
  const [, bucket = '', ...rest] = url.pathname.split('/').map(decodeURIComponent);
  const key = rest.join('/');
  const resource = `arn:aws:s3:::${bucket}${key === '' ? '' : `/${key}`}`;
  const has = (name: string) => url.searchParams.has(name);
  if (key === '') {
    if (method === 'GET' && url.searchParams.get('list-type') === '2')
      return { action: 's3:ListBucket', resource, prefix: url.searchParams.get('prefix') ?? undefined };
    return undefined;
  }
  if (method === 'GET' || method === 'HEAD') return { action: 's3:GetObject', resource };
  if (method === 'PUT') return { action: 's3:PutObject', resource };
  if (method === 'POST' && (has('uploads') || has('uploadId'))) return { action: 's3:PutObject', resource };
  if (method === 'DELETE') return { action: has('uploadId') ? 's3:AbortMultipartUpload' : 's3:DeleteObject', resource };
  return undefined;
}
