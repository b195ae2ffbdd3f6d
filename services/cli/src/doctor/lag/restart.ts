import { MillraceError } from '@millrace/core/domain/errors.ts';
import { type Cluster, componentOf, type Deployment } from './kubernetes.ts';
import type { Leg } from './legs.ts';

/** `--restart` as given: Deployments by leg; a leg without names means those that carry the component's label. */
export type RestartWish = Readonly<Record<Leg, readonly string[]>>;

/**
 * Reads `landing=NAME`, `table=NAME`. Pure.
 * @throws kind `invalid`, code `bad_restart`
 */
export function readRestartWish(values: readonly string[]): RestartWish {
  const wish: Record<Leg, string[]> = { landing: [], table: [] };
  for (const value of values) {
    const named = /^(landing|table)=([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)$/.exec(value);
    if (named === null)
      throw new MillraceError('invalid', 'bad_restart', `--restart ${value} is not landing=DEPLOYMENT or table=DEPLOYMENT`);
    wish[named[1] as Leg].push(named[2] ?? '');
  }
  return wish;
}

/** Why a Deployment is left alone, null when it may be restarted: one that was, less than the limit ago, has not had its time yet. Pure. */
export function restedReason({ restartedAt }: Deployment, now: number, maxSeconds: number): string | null {
  if (restartedAt === null) return null;
  const seconds = (now - Date.parse(restartedAt)) / 1000;
  return Number.isFinite(seconds) && seconds < maxSeconds
    ? `was restarted ${Math.round(seconds)} s ago, within the limit of ${maxSeconds} s`
    : null;
}

/** What became of each Deployment, one line each. Never rejects: a refusal is a line. */
export type Restarted = { leg: Leg; deployment: string; done: boolean; says: string };

/**
 * Restarts the workers of these legs, as `kubectl rollout restart` does.
 * @param cluster undefined outside Kubernetes: then it is said what to do
 */
export async function restartLegs(
  cluster: Cluster | undefined,
  legs: readonly Leg[],
  wish: RestartWish,
  now: number,
  maxSeconds: number,
): Promise<Restarted[]> {
  const results: Restarted[] = [];
  for (const leg of legs) {
    const told = (deployment: string, done: boolean, says: string) => results.push({ leg, deployment, done, says });
    const component = componentOf[leg];
    if (cluster === undefined) {
      told(
        '',
        false,
        `restart the ${component} workers yourself (docker compose restart ${component}, systemctl restart …): not in a Kubernetes pod with a token here`,
      );
      continue;
    }
    const named = wish[leg];
    const deployments =
      named.length > 0
        ? await Promise.all(named.map((name) => cluster.get(name).catch((error: unknown) => refusal(name, error))))
        : await cluster
            .find({ 'app.kubernetes.io/part-of': 'millrace', 'app.kubernetes.io/component': component })
            .catch((error: unknown) => [refusal('', error)]);
    if (deployments.length === 0)
      told(
        '',
        false,
        `no Deployment in ${cluster.namespace} has the labels app.kubernetes.io/part-of=millrace, app.kubernetes.io/component=${component}; name it: --restart ${leg}=NAME`,
      );
    for (const deployment of deployments) {
      if ('refused' in deployment) {
        told(deployment.name, false, deployment.refused);
        continue;
      }
      const rested = restedReason(deployment, now, maxSeconds);
      if (rested !== null) {
        told(deployment.name, false, `${deployment.name} ${rested}`);
        continue;
      }
      const failed = await cluster.restart(deployment.name, new Date(now).toISOString()).then(
        () => null,
        (error: unknown) => refusal(deployment.name, error).refused,
      );
      told(deployment.name, failed === null, failed ?? `restarted the Deployment ${deployment.name} in ${cluster.namespace}`);
    }
  }
  return results;
}

function refusal(name: string, error: unknown): { name: string; refused: string } {
  if (!(error instanceof MillraceError)) throw error;
  return { name, refused: error.message };
}
