import { randomBytes } from 'node:crypto';
import { S3Store } from '@millrace/core/adapters/s3/s3-store.ts';
import { Producer } from '@platformatic/kafka';
import { expect, it, onTestFinished } from 'vitest';
import { type HttpFaultProxy, startHttpProxy } from '../../faults/proxy/http-proxy.ts';
import { runCli } from '../../support/run-cli.ts';
import { createDataset, startServices, waitFor } from '../../support/services.ts';
import { freshBucket, freshTopic, kafkaBrokers, s3Env } from '../../support/stack.ts';
import { type Ask, allows, askOf, type Policy, type Role, readPolicy, type Statement } from '../iam-policy.ts';
import { waitCommitted } from '../wait-committed.ts';

/*
 * The services with exactly the rights of deploy/iam: a proxy before the store answers 403 to whatever a role's file does not allow.
 */

const records = 50;

type Guarded = { proxy: HttpFaultProxy; env: Record<string, string>; asked: Ask[] };

/** A proxy that lets pass what the policy allows, and keeps what was asked. */
async function guard(policy: Policy): Promise<Guarded> {
  const asked: Ask[] = [];
  const allow = ({ method, path }: { method: string; path: string }) => {
    const ask = askOf(method, path);
    if (ask !== undefined) asked.push(ask);
    return ask !== undefined && allows(policy, ask);
  };
  const proxy = await startHttpProxy({ target: s3Env().AWS_ENDPOINT_URL_S3 ?? '', allow });
  onTestFinished(() => proxy.close());
  return { proxy, env: { AWS_ENDPOINT_URL_S3: proxy.url }, asked };
}

const grants = (policy: Policy) =>
  policy.Statement.flatMap((statement) =>
    statement.Effect === 'Deny'
      ? []
      : statement.Action.flatMap((action) => [statement.Resource].flat().map((resource) => ({ statement, action, resource }))),
  );

/** A policy of one right alone. */
const only = (statement: Statement, action: string, resource: string): Policy => ({
  Version: '2012-10-17',
  Statement: [{ ...statement, Action: [action], Resource: [resource] }],
});

it('lands, commits and verifies with the least rights, and every right is used', async () => {
  const [raw, tables] = [freshBucket(), freshBucket()];
  const names = { RAW_BUCKET: raw.bucket, RAW_PREFIX: 'zone/raw', TABLES_BUCKET: tables.bucket, TABLES_PREFIX: 'lake' };
  const policies = Object.fromEntries(
    (['phase1', 'phase2', 'metastore', 'verify'] as const).map((role) => [role, readPolicy(role, names)]),
  ) as Record<Role, Policy>;
  const [phase1, phase2, metastore, verify] = await Promise.all([
    guard(policies.phase1),
    guard(policies.phase2),
    guard(policies.metastore),
    guard(policies.verify),
  ]);
  const own: Record<string, Guarded> = { 'phase1-1': phase1, 'phase2-1': phase2, metastore };
  const services = await startServices({
    rawUrl: `${raw.url}/zone/raw`,
    tablesUrl: `${tables.url}/lake`,
    env: s3Env(),
    envOf: (name) => own[name]?.env ?? {},
  });
  onTestFinished(() => services.stop());

  const topic = await freshTopic();
  await createDataset(services.metastoreUrl, { name: topic, kafkaTopic: topic });
  const producer = new Producer({ clientId: 'iam', bootstrapBrokers: kafkaBrokers().split(',') });
  onTestFinished(() => producer.close());
  const messages = Array.from({ length: records }, (_, id) => ({ topic, partition: 0, value: Buffer.from(JSON.stringify({ id })) }));
  await producer.send({ messages });
  await waitCommitted(services.metastoreUrl, topic, records);

  const verified = await runCli(['verify', topic], { ...services.env, ...verify.env });
  expect(verified.output).toContain(String(records));
  expect(verified.code, verified.output).toBe(0);

  const roles = { phase1, phase2, verify };
  for (const [role, { asked }] of Object.entries(roles)) {
    const refused = asked.filter((ask) => !allows(policies[role as Role], ask));
    // the probe tries whether it may delete, and goes on without
    expect(
      refused.filter(({ action, resource }) => action !== 's3:DeleteObject' || !resource.includes('/_millrace_probe/')),
      role,
    ).toEqual([]);
    const unused = grants(policies[role as Role]).filter(
      ({ statement, action, resource }) =>
        action !== 's3:AbortMultipartUpload' && !asked.some((ask) => allows(only(statement, action, resource), ask)),
    );
    expect(
      unused.map(({ action, resource }) => `${action} ${resource}`),
      role,
    ).toEqual([]);
  }
  expect(metastore.asked).toEqual([]);
});

it('a large upload that fails takes its parts back, and has the right to', async () => {
  const { bucket } = freshBucket();
  const names = { RAW_BUCKET: bucket, RAW_PREFIX: 'raw' };
  const policy = readPolicy('phase1', names);
  const { proxy, asked } = await guard(policy);
  proxy.add({ method: 'PUT', pathPattern: 'partNumber=2', fault: { do: 'answer', status: 400, code: 'InvalidRequest' } });
  const credentials = { accessKeyId: s3Env().AWS_ACCESS_KEY_ID ?? '', secretAccessKey: s3Env().AWS_SECRET_ACCESS_KEY ?? '' };
  const store = new S3Store(bucket, 'raw', { endpoint: proxy.url, forcePathStyle: true, region: 'us-east-1', credentials });
  onTestFinished(() => store.close());
  await expect(store.put('large', randomBytes(33 * 2 ** 20))).rejects.toMatchObject({ kind: 'invalid' });
  await waitFor(
    'the parts are taken back',
    async () => asked,
    (asks) => asks.some(({ action }) => action === 's3:AbortMultipartUpload'),
    30_000,
  );
  expect(asked.every((ask) => allows(policy, ask))).toBe(true);
});
