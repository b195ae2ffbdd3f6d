import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSettings } from '@millrace/core/domain/settings.ts';
import { readMetastoreSettings, readVerifyKafkaSettings } from '../../services/cli/src/config.ts';
import { config as metastoreConfig, migrateConfig } from '../../services/metastore/src/config.ts';
import { readPhase1Settings } from '../../services/phase1-dumper/src/config.ts';
import { config as phase2Config } from '../../services/phase2-transformer/src/config.ts';
import { type Container, type KubernetesObject, nameOf, type PodSpec, podTemplates } from './kubernetes-objects.ts';

/*
 * What every set of our Kubernetes objects must keep, whatever its values. Each rule returns what is wrong, in words; nothing wrong is an empty list.
 */

const root = join(import.meta.dirname, '../..');

/** Volumes of the standard "restricted". */
const allowedVolumes = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

/** Kubernetes' security standard "restricted", and a read-only image and no token besides. */
export function securityProblems(objects: readonly KubernetesObject[]): string[] {
  return podTemplates(objects).flatMap(({ owner, role, spec }) => {
    const problems: string[] = [];
    const pod = spec.securityContext ?? {};
    const require = (holds: boolean, words: string) => {
      if (!holds) problems.push(`${nameOf(owner)}: ${words}`);
    };
    for (const name of ['hostNetwork', 'hostPID', 'hostIPC']) require(spec[name] === undefined, `${name} is set`);
    require(pod.runAsNonRoot === true, 'runAsNonRoot is not true');
    require(pod.runAsUser === 10_001, 'runAsUser is not the user of the image');
    require(pod.seccompProfile?.type === 'RuntimeDefault', 'seccompProfile is not RuntimeDefault');
    require(spec.automountServiceAccountToken === (role === 'doctor' && restarts(spec)), 'automountServiceAccountToken is wrong');
    require(spec.enableServiceLinks === false, 'enableServiceLinks is not false');
    for (const volume of spec.volumes ?? [])
      for (const kind of Object.keys(volume).filter((key) => key !== 'name'))
        require(allowedVolumes.has(kind), `a volume is of the kind ${kind}`);
    for (const { name, securityContext: own = {}, resources } of [...(spec.initContainers ?? []), ...spec.containers]) {
      require(own.allowPrivilegeEscalation === false, `${name}: allowPrivilegeEscalation is not false`);
      require(own.readOnlyRootFilesystem === true, `${name}: readOnlyRootFilesystem is not true`);
      require(own.privileged !== true && own.runAsUser === undefined, `${name}: privileged or another user`);
      require(own.capabilities?.drop?.includes('ALL') === true &&
        own.capabilities.add === undefined, `${name}: capabilities are not all dropped`);
      require(resources?.requests?.cpu !== undefined && resources.limits?.memory !== undefined, `${name}: no requests or no memory limit`);
    }
    return problems;
  });
}

const restarts = (spec: PodSpec) => spec.containers.some(({ args }) => args?.includes('--restart'));

/** Long-running pods have the three probes, on a port they open, and the time to end that their role needs. */
export function lifeProblems(objects: readonly KubernetesObject[]): string[] {
  return podTemplates(objects.filter(({ kind }) => kind === 'Deployment')).flatMap(({ owner, role, spec }) => {
    const problems: string[] = [];
    for (const container of spec.containers) {
      const probes = { startupProbe: '/livez', livenessProbe: '/livez', readinessProbe: '/readyz' } as const;
      for (const [name, path] of Object.entries(probes) as [keyof typeof probes, string][]) {
        const { httpGet } = container[name] ?? {};
        if (httpGet?.path !== path) problems.push(`${nameOf(owner)}: ${name} does not ask ${path}`);
        if (!container.ports?.some((port) => port.name === httpGet?.port))
          problems.push(`${nameOf(owner)}: ${name} asks a port that is not open`);
      }
      const waits = (container.lifecycle?.preStop?.sleep?.seconds ?? 0) * 1000;
      const needsMs = waits + drainMs(role) + graceMarginMs;
      if ((spec.terminationGracePeriodSeconds ?? 0) * 1000 < needsMs)
        problems.push(`${nameOf(owner)}: terminationGracePeriodSeconds is below ${needsMs} ms`);
    }
    return problems;
  });
}

/** Between the longest end of a process and the moment it would be killed. */
const graceMarginMs = 5_000;

/** Where each service says how long its end may take, ms. */
const drains: Readonly<Record<string, [file: string, constant: string]>> = {
  phase1: ['services/phase1-dumper/src/main.ts', 'endWithinMs'],
  phase2: ['services/phase2-transformer/src/main.ts', 'stopMs'],
  metastore: ['services/core/src/adapters/admin/server.ts', 'closeGraceMs'],
};

/** How long a role's process may take to end by itself, ms: read from its source. */
export function drainMs(role: string): number {
  const [file, constant] = drains[role] ?? ['', ''];
  const found = file === '' ? null : new RegExp(`const ${constant} = ([0-9_]+);`).exec(readFileSync(join(root, file), 'utf8'));
  if (found === null) throw new Error(`${role}: no constant ${constant} in ${file}`);
  return Number(found[1]?.replaceAll('_', ''));
}

/** Stands for what a Secret holds. */
const secrets: Readonly<Record<string, string>> = {
  DATABASE_URL: 'postgres://user:password@host:5432/database',
  AWS_ACCESS_KEY_ID: 'key',
  AWS_SECRET_ACCESS_KEY: 'secret',
  AWS_SESSION_TOKEN: 'token',
};

/** How the program of each role reads its settings. */
const readers: Readonly<Record<string, (env: Record<string, string>) => unknown>> = {
  phase1: readPhase1Settings,
  phase2: (env) => readSettings(phase2Config, env),
  metastore: (env) => readSettings(metastoreConfig, env),
  migrate: (env) => readSettings(migrateConfig, env),
  // what asks Kafka and the stores
  doctor: readVerifyKafkaSettings,
  test: readMetastoreSettings,
};
/** Variables of other libraries in the same process. */
const foreign = /^(AWS|OTEL)_[A-Z0-9_]+$/;
/** Which secrets a role may see. */
const mayKnow: Readonly<Record<string, RegExp>> = {
  phase1: /^AWS_/,
  phase2: /^AWS_/,
  metastore: /^DATABASE_URL$/,
  migrate: /^DATABASE_URL$/,
  doctor: /^AWS_/,
};

/** Each pod's variables, put together as Kubernetes does, are settings that its program accepts and knows, and no others. */
export function settingProblems(objects: readonly KubernetesObject[], known: ReadonlySet<string>): string[] {
  return podTemplates(objects).flatMap(({ owner, role, spec }) =>
    spec.containers.flatMap((container) => {
      const problems: string[] = [];
      for (const { name, valueFrom } of container.env ?? [])
        if (valueFrom?.secretKeyRef !== undefined && !mayKnow[role]?.test(name)) problems.push(`${nameOf(owner)} is shown ${name}`);
      const env = environment(objects, container);
      for (const name of Object.keys(env))
        if (!known.has(name) && !foreign.test(name)) problems.push(`${nameOf(owner)}: ${name} is no setting`);
      try {
        readers[role]?.(env);
      } catch (error) {
        problems.push(`${nameOf(owner)}: ${(error as Error).message}`);
      }
      if (readers[role] === undefined || container.args?.[0] !== commands[role])
        problems.push(`${nameOf(owner)}: ${role} does not run its command`);
      return problems;
    }),
  );
}

const commands: Readonly<Record<string, string>> = {
  phase1: 'phase1',
  phase2: 'phase2',
  metastore: 'metastore',
  migrate: 'migrate',
  doctor: 'cli',
  test: 'cli',
};

/** A container's variables; those from its ConfigMaps are below its own. */
export function environment(objects: readonly KubernetesObject[], container: Container): Record<string, string> {
  const maps = (container.envFrom ?? []).map(({ configMapRef }) => {
    const found = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === configMapRef?.name);
    if (found === undefined) throw new Error(`no ConfigMap ${configMapRef?.name}`);
    return found.data ?? {};
  });
  const own = (container.env ?? []).map(({ name, value, valueFrom }) => [name, value ?? secrets[valueFrom?.secretKeyRef?.key ?? ''] ?? '']);
  return Object.assign({}, ...maps, Object.fromEntries(own));
}
