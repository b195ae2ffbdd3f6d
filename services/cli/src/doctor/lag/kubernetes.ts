import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { describeError, MillraceError } from '@millrace/core/domain/errors.ts';
import type { Environment } from '../../output/cli.ts';
import type { Leg } from './legs.ts';

/** One request to the API server may take so long, ms, and its answer be so large, bytes. */
const answerMs = 10_000;
const answerBytesMax = 16 * 2 ** 20;
/** Where Kubernetes mounts a pod's own credentials. */
export const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Written into the pods' template: what `kubectl rollout restart` does, so that its history and its limits hold. */
const restartedAt = 'kubectl.kubernetes.io/restartedAt';
/** Component label of the workers of a leg. @see deploy/helm */
export const componentOf: Readonly<Record<Leg, string>> = { landing: 'phase1', table: 'phase2' };

/** A Deployment as far as a restart looks at it. */
export type Deployment = { name: string; restartedAt: string | null };

/** The API server as the pod's own service account sees it: Deployments of its own namespace. */
export type Cluster = {
  namespace: string;
  /** Deployments with all these labels; needs the right to list them */
  find(labels: Readonly<Record<string, string>>): Promise<Deployment[]>;
  /** Needs the right to get it. @throws code `not_found` */
  get(name: string): Promise<Deployment>;
  /** Replaces the pods one after the other, within the Deployment's own limits; needs the right to patch it. */
  restart(name: string, at: string): Promise<void>;
};

type Json = {
  metadata?: { name?: string };
  spec?: { template?: { metadata?: { annotations?: Record<string, string> } } };
  items?: Json[];
  message?: string;
};

/**
 * The cluster this process runs in; undefined outside Kubernetes, or in a pod without a token.
 * @param folder token, certificate authority and namespace
 */
export async function ownCluster(env: Environment, folder = accountFolder): Promise<Cluster | undefined> {
  const host = env.KUBERNETES_SERVICE_HOST;
  if (!host) return undefined;
  const port = env.KUBERNETES_SERVICE_PORT_HTTPS ?? env.KUBERNETES_SERVICE_PORT ?? '443';
  const read = (name: string) => readFile(join(folder, name), 'utf8');
  const mounted = await Promise.all([read('token'), read('ca.crt'), read('namespace')]).catch(() => undefined);
  if (mounted === undefined) return undefined;
  const [token, ca, namespace] = mounted.map((text) => text.trim()) as [string, string, string];
  const deployments = `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/deployments`;

  function ask(method: 'GET' | 'PATCH', path: string, body?: unknown): Promise<Json> {
    const what = `${method} ${path} at the Kubernetes API server ${host}:${port}`;
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown) =>
        reject(new MillraceError('unavailable', 'kubernetes_away', `${what}: ${describeError(cause)}`, {}, cause));
      const headers = {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        'content-type': 'application/strategic-merge-patch+json',
      };
      const sent = request({ host, port, method, path, ca, headers, signal: AbortSignal.timeout(answerMs) }, (answer) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > answerBytesMax) answer.destroy(new Error(`the answer is larger than ${answerBytesMax} bytes`));
          else chunks.push(chunk);
        });
        answer.on('error', fail);
        answer.on('end', () => {
          const status = answer.statusCode ?? 0;
          const json = parsed(Buffer.concat(chunks).toString('utf8'));
          if (status >= 200 && status < 300) return resolve(json);
          const refused = status === 401 || status === 403;
          const todo = refused ? '; allow it in the Role of this service account (doctor.restart in the chart)' : '';
          reject(
            new MillraceError(
              refused || status === 404 ? 'invalid' : 'unavailable',
              status === 404 ? 'not_found' : 'kubernetes_refused',
              `${what}: ${status} ${json.message ?? ''}${todo}`,
            ),
          );
        });
      });
      sent.on('error', fail);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  return {
    namespace,
    async find(labels) {
      const selector = Object.entries(labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(',');
      const { items = [] } = await ask('GET', `${deployments}?labelSelector=${encodeURIComponent(selector)}`);
      return items.map(deploymentOf);
    },
    get: async (name) => deploymentOf(await ask('GET', `${deployments}/${encodeURIComponent(name)}`)),
    async restart(name, at) {
      const template = { metadata: { annotations: { [restartedAt]: at } } };
      await ask('PATCH', `${deployments}/${encodeURIComponent(name)}`, { spec: { template } });
    },
  };
}

function deploymentOf({ metadata, spec }: Json): Deployment {
  return { name: metadata?.name ?? '', restartedAt: spec?.template?.metadata?.annotations?.[restartedAt] ?? null };
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return {};
  }
}
