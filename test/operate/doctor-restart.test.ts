import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { javaBinary, which } from '../../dev/setup/paths.mjs';
import { type Cluster, ownCluster } from '../../services/cli/src/doctor/lag/kubernetes.ts';
import { restartLegs } from '../../services/cli/src/doctor/lag/restart.ts';
import { freshDirectory } from '../support/stack.ts';

/*
 * Restarting stuck workers through the Kubernetes API, against a small server that speaks as much of it as is used: over TLS, with a token, with rights.
 */

type Deployment = {
  metadata: { name: string; labels: Record<string, string> };
  spec: { template: { metadata: { annotations?: Record<string, string> } } };
};

const token = 'a-token-of-the-service-account';
const account = freshDirectory('account');
const now = Date.parse('2026-11-21T12:00:00Z');
const wish = { landing: [], table: [] };
let server: Server;
let cluster: Cluster | undefined;
let deployments: Deployment[];
let mayPatch = true;
let seen: string[] = [];

const deployment = (name: string, component: string): Deployment => ({
  metadata: { name, labels: { 'app.kubernetes.io/part-of': 'millrace', 'app.kubernetes.io/component': component } },
  spec: { template: { metadata: {} } },
});

beforeAll(async () => {
  const keytool = which('keytool') ?? join(dirname(javaBinary() ?? ''), 'keytool');
  const store = join(account, 'key.p12');
  const common = ['-keystore', store, '-storetype', 'PKCS12', '-storepass', 'changeit', '-alias', 'key'];
  execFileSync(
    keytool,
    ['-genkeypair', ...common, '-keyalg', 'EC', '-dname', 'CN=kubernetes', '-ext', 'san=ip:127.0.0.1', '-validity', '2'],
    { stdio: 'pipe' },
  );
  writeFileSync(join(account, 'ca.crt'), execFileSync(keytool, ['-exportcert', '-rfc', ...common], { stdio: 'pipe' }));
  writeFileSync(join(account, 'token'), `${token}\n`);
  writeFileSync(join(account, 'namespace'), 'lake');
  server = createServer({ pfx: readFileSync(store), passphrase: 'changeit' }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { status, body } = answer(
        request.method ?? '',
        request.url ?? '',
        request.headers.authorization,
        Buffer.concat(chunks).toString(),
      );
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  cluster = await ownCluster({ KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) }, account);
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});
beforeEach(() => {
  deployments = [deployment('lake-phase1', 'phase1'), deployment('lake-phase2', 'phase2'), deployment('lake-metastore', 'metastore')];
  mayPatch = true;
  seen = [];
});

function answer(method: string, url: string, authorization: string | undefined, body: string): { status: number; body: unknown } {
  seen.push(`${method} ${decodeURIComponent(url)}`);
  if (authorization !== `Bearer ${token}`) return { status: 401, body: { message: 'Unauthorized' } };
  const { pathname, searchParams } = new URL(url, 'https://k');
  const [, name] = /^\/apis\/apps\/v1\/namespaces\/lake\/deployments(?:\/(.+))?$/.exec(pathname) ?? [];
  if (name === undefined) {
    const wanted = (searchParams.get('labelSelector') ?? '').split(',').map((pair) => pair.split('='));
    return {
      status: 200,
      body: { items: deployments.filter(({ metadata }) => wanted.every(([label = '', value]) => metadata.labels[label] === value)) },
    };
  }
  const found = deployments.find(({ metadata }) => metadata.name === name);
  if (found === undefined) return { status: 404, body: { message: `deployments.apps "${name}" not found` } };
  if (method === 'PATCH') {
    if (!mayPatch) return { status: 403, body: { message: `deployments.apps "${name}" is forbidden` } };
    found.spec.template.metadata.annotations = (JSON.parse(body) as Deployment).spec.template.metadata.annotations ?? {};
  }
  return { status: 200, body: found };
}

test('outside Kubernetes, and in a pod without a token, there is no cluster', async () => {
  expect(await ownCluster({}, account)).toBeUndefined();
  mkdirSync(join(account, 'empty'));
  expect(await ownCluster({ KUBERNETES_SERVICE_HOST: '127.0.0.1' }, join(account, 'empty'))).toBeUndefined();
  expect(await restartLegs(undefined, ['landing'], wish, now, 60)).toEqual([expect.objectContaining({ done: false })]);
});

test('the Deployments of a stuck leg are found by their labels and rolled, the others left alone; not again within the limit', async () => {
  expect(await restartLegs(cluster, ['table'], wish, now, 900)).toEqual([
    { leg: 'table', deployment: 'lake-phase2', done: true, says: 'restarted the Deployment lake-phase2 in lake' },
  ]);
  expect(seen[0]).toBe(
    'GET /apis/apps/v1/namespaces/lake/deployments?labelSelector=app.kubernetes.io/part-of=millrace,app.kubernetes.io/component=phase2',
  );
  expect(deployments.map(({ spec }) => spec.template.metadata.annotations?.['kubectl.kubernetes.io/restartedAt'])).toEqual([
    undefined,
    '2026-11-21T12:00:00.000Z',
    undefined,
  ]);
  expect(await restartLegs(cluster, ['table'], wish, now + 60_000, 900)).toEqual([
    expect.objectContaining({ done: false, says: expect.stringMatching(/was restarted 60 s ago/) }),
  ]);
  expect(await restartLegs(cluster, ['table'], wish, now + 901_000, 900)).toEqual([expect.objectContaining({ done: true })]);
});

test('a Deployment by name needs no right to list', async () => {
  const named = { landing: ['lake-phase1'], table: ['nobody'] };
  expect(await restartLegs(cluster, ['landing', 'table'], named, now, 900)).toEqual([
    expect.objectContaining({ deployment: 'lake-phase1', done: true }),
    expect.objectContaining({ deployment: 'nobody', done: false, says: expect.stringMatching(/404 deployments.apps "nobody" not found/) }),
  ]);
  expect(seen.some((request) => request.includes('labelSelector'))).toBe(false);
});

test('a right that is missing is said with what to allow', async () => {
  mayPatch = false;
  expect(await restartLegs(cluster, ['landing'], wish, now, 900)).toEqual([
    expect.objectContaining({
      done: false,
      says: expect.stringMatching(/403 .* is forbidden; allow it in the Role of this service account/),
    }),
  ]);
});

test('a server whose certificate the mounted authority did not sign is not spoken to', async () => {
  const other = join(account, 'other');
  mkdirSync(other);
  for (const name of ['token', 'namespace']) writeFileSync(join(other, name), readFileSync(join(account, name)));
  writeFileSync(join(other, 'ca.crt'), '');
  const { port } = server.address() as AddressInfo;
  const stranger = await ownCluster({ KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) }, other);
  const [told] = await restartLegs(stranger, ['landing'], wish, now, 900);
  expect(told?.done).toBe(false);
  expect(seen).toEqual([]);
});
