import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

/** Kubernetes objects as the tests look at them: only what they ask about has a type. */

export type KubernetesObject = {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: Record<string, unknown>;
  data?: Record<string, string>;
};

export type Probe = { httpGet?: { path: string; port: string | number }; periodSeconds?: number; failureThreshold?: number };
export type Container = {
  name: string;
  image: string;
  args?: string[];
  env?: { name: string; value?: string; valueFrom?: { secretKeyRef?: { name: string; key: string; optional?: boolean } } }[];
  envFrom?: { configMapRef?: { name: string } }[];
  ports?: { name: string; containerPort: number }[];
  volumeMounts?: { name: string; mountPath: string }[];
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
  securityContext?: {
    allowPrivilegeEscalation?: boolean;
    readOnlyRootFilesystem?: boolean;
    privileged?: boolean;
    runAsUser?: number;
    capabilities?: { drop?: string[]; add?: string[] };
  };
  startupProbe?: Probe;
  livenessProbe?: Probe;
  readinessProbe?: Probe;
  lifecycle?: { preStop?: { sleep?: { seconds: number } } };
};
export type PodSpec = {
  serviceAccountName?: string;
  automountServiceAccountToken?: boolean;
  enableServiceLinks?: boolean;
  terminationGracePeriodSeconds?: number;
  topologySpreadConstraints?: { topologyKey: string }[];
  securityContext?: { runAsNonRoot?: boolean; runAsUser?: number; seccompProfile?: { type: string } };
  containers: Container[];
  initContainers?: Container[];
  volumes?: ({ name: string } & Record<string, unknown>)[];
} & Record<string, unknown>;

/** A pod that an object makes. `role` is the component its labels name. */
export type PodTemplate = { owner: KubernetesObject; role: string; labels: Record<string, string>; spec: PodSpec };

/** Objects of some YAML text. @throws when it is none */
export function parseObjects(text: string, where: string): KubernetesObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw new Error(`${where}: ${document.errors.join('; ')}`);
    const value = document.toJS() as KubernetesObject | null;
    return value === null ? [] : [value];
  });
}

/** Objects of a folder's manifests by file name; kustomizations and values are none. */
export function readManifests(folder: string): Map<string, KubernetesObject[]> {
  const names = readdirSync(folder).filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml' && name !== 'values.yaml');
  return new Map(names.map((name) => [name, parseObjects(readFileSync(join(folder, name), 'utf8'), name)]));
}

/** Every pod that these objects lead to. */
export function podTemplates(objects: readonly KubernetesObject[]): PodTemplate[] {
  return objects.flatMap((owner) => {
    const found = templateOf(owner);
    if (found === undefined) return [];
    const labels = found.metadata?.labels ?? {};
    return [{ owner, role: labels['app.kubernetes.io/component'] ?? '', labels, spec: found.spec }];
  });
}

type Template = { metadata?: { labels?: Record<string, string> }; spec: PodSpec };

function templateOf({ kind, metadata, spec = {} }: KubernetesObject): Template | undefined {
  if (kind === 'Deployment' || kind === 'Job') return spec.template as Template;
  if (kind === 'CronJob') return (spec.jobTemplate as { spec: { template: Template } }).spec.template;
  if (kind === 'Pod') return { metadata, spec: spec as PodSpec };
  return undefined;
}

/** `Deployment/millrace-phase1`, for messages. */
export const nameOf = ({ kind, metadata }: KubernetesObject): string => `${kind}/${metadata.name}`;
