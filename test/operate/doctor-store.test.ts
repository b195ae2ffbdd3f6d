import { afterEach, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../dev/stack/ports.ts';
import { type FreshBucket, freshBucket } from '../support/stack.ts';
import { type Diagnosis, diagnose, expectFailure, folders, type Meddling, meddler } from './doctor-world.ts';

/*
 * Planted faults of the object store, on the real S3 server behind a middleman that does what bad stores do.
 */

const before = { ...process.env };
afterEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_') && !(name in before)) delete process.env[name];
  Object.assign(process.env, before);
});

/** Looks at the tables' store in a bucket; the AWS SDK reads this process's own environment. */
async function look(
  bucket: FreshBucket,
  more: { env?: Record<string, string>; meddling?: Meddling; url?: string } = {},
): Promise<Diagnosis> {
  const target = bucket.env.AWS_ENDPOINT_URL_S3 ?? '';
  let endpoint = target;
  if (more.meddling !== undefined) {
    const between = await meddler(target, more.meddling);
    onTestFinished(() => between.close());
    endpoint = between.url;
  }
  const env = {
    ...folders(),
    ...bucket.env,
    AWS_ENDPOINT_URL_S3: endpoint,
    MILLRACE_TABLES_URL: more.url ?? `${bucket.url}/tables`,
    ...more.env,
  };
  Object.assign(process.env, Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('AWS_'))));
  return diagnose(env, ['--role', 'phase2']);
}

const lifecycle = (rules: string) => ({
  answer: (method: string, path: string) =>
    method === 'GET' && /[?&]lifecycle/.test(path)
      ? { status: 200, body: `<?xml version="1.0" encoding="UTF-8"?><LifecycleConfiguration>${rules}</LifecycleConfiguration>` }
      : undefined,
});
const rule = (prefix: string, days: number) =>
  `<Rule><ID>tidy up</ID><Status>Enabled</Status><Filter><Prefix>${prefix}</Prefix></Filter><Expiration><Days>${days}</Days></Expiration></Rule>`;

test('a store that ignores the condition of a put', async () => {
  const found = await look(freshBucket(), {
    meddling: {
      answer: (method, path) => (method === 'PUT' && path.includes('/_millrace_probe/') ? { status: 200, body: '' } : undefined),
    },
  });
  expectFailure(found, 'table store', /the store ignores the condition/, /use a store with atomic conditional writes: AWS S3/);
});

test('a bucket that does not exist', async () => {
  const bucket = freshBucket();
  const found = await look(bucket, { url: `${bucket.url}-missing/tables` });
  expectFailure(found, 'table store', /the bucket does not exist/, /create the bucket, or correct MILLRACE_TABLES_URL/);
});

test('a wrong secret key, and an access key nobody knows', async () => {
  const secret = await look(freshBucket(), { env: { AWS_SECRET_ACCESS_KEY: 'canary-wrong-secret' } });
  expectFailure(secret, 'table store', /the secret key is wrong/, /correct AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY/);
  expect(secret.text).not.toContain('canary-wrong-secret');
  const key = await look(freshBucket(), { env: { AWS_ACCESS_KEY_ID: 'nobody' } });
  expectFailure(key, 'table store', /the access key is not known there/, /correct AWS_ACCESS_KEY_ID/);
});

test('a login that may only read', async () => {
  const denied = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>';
  const found = await look(freshBucket(), {
    meddling: { answer: (method) => (method === 'PUT' ? { status: 403, body: denied } : undefined) },
  });
  expectFailure(found, 'table store', /refused/, /allow s3:GetObject and s3:PutObject on s3:\/\/bucket-[0-9a-f]+\/tables\/\*/);
});

test('a store that is away', async () => {
  const port = await freePort();
  const found = await look(freshBucket(), { env: { AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${port}` } });
  expectFailure(found, 'table store', /ECONNREFUSED/, /start the store or open the way to it/);
});

test('a clock that is an hour off', async () => {
  const late = (headers: Record<string, unknown>) => {
    headers.date = new Date(Date.now() + 3_600_000).toUTCString();
  };
  const bucket = freshBucket();
  const found = await look(bucket, { meddling: { headers: late }, env: { MILLRACE_RAW_URL: `${bucket.url}/raw` } });
  expectFailure(found, 'clock', /the clock of the object store is 60 min ahead of this machine's/, /run an NTP service/);
});

test('a lifecycle rule that would delete the tables; one for other objects is no matter', async () => {
  const bad = await look(freshBucket(), { meddling: lifecycle(rule('tab', 30)) });
  expectFailure(
    bad,
    'bucket rules',
    /lifecycle rule "tidy up" of s3:\/\/bucket-[0-9a-f]+ \(prefix tab\) deletes objects below MILLRACE_TABLES_URL after 30 days/,
    /limit it to a prefix outside tables\/ or disable it/,
  );
  const good = await look(freshBucket(), { meddling: lifecycle(rule('logs/', 30)) });
  const said = good.checks.find(({ name }) => name === 'bucket rules')?.findings;
  expect(said).toEqual([{ level: 'ok', says: expect.stringContaining('no lifecycle rule deletes or archives our objects') }]);
});
