import { type KubernetesObject, nameOf, podTemplates } from './kubernetes-objects.ts';

type Labels = Readonly<Record<string, string>>;

const selects = (selector: Labels, labels: Labels) => Object.entries(selector).every(([name, value]) => labels[name] === value);

/**
 * What one object says of another must be true: selectors find the pods of one role, ports that are sent to are open, volumes and accounts that are
 * used exist, and what is scaled is there. @returns what is wrong, in words
 */
export function linkProblems(objects: readonly KubernetesObject[]): string[] {
  const pods = podTemplates(objects);
  const exists = (kind: string, name: string | undefined) => objects.some((each) => each.kind === kind && each.metadata.name === name);
  const twice = objects.map(nameOf).filter((name, index, all) => all.indexOf(name) !== index);
  return [
    ...twice.map((name) => `${name} is there twice`),
    ...objects.flatMap((object) => selectorProblems(object, pods)),
    ...pods.flatMap(({ owner, spec }) => {
      const problems: string[] = [];
      const volumes = new Set((spec.volumes ?? []).map(({ name }) => name));
      for (const container of spec.containers)
        for (const { name } of container.volumeMounts ?? []) if (!volumes.has(name)) problems.push(`mounts ${name}, which is no volume`);
      for (const volume of volumes)
        if (!spec.containers.some(({ volumeMounts }) => volumeMounts?.some(({ name }) => name === volume)))
          problems.push(`nobody mounts ${volume}`);
      const account = spec.serviceAccountName;
      if (account !== 'default' && account?.startsWith('millrace-') && !exists('ServiceAccount', account))
        problems.push(`no ServiceAccount ${account}`);
      return problems.map((words) => `${nameOf(owner)}: ${words}`);
    }),
    ...objects.flatMap((object) => {
      const { kind: ownKind, spec = {} } = object;
      if (ownKind !== 'ScaledObject') return [];
      const { name } = spec.scaleTargetRef as { name: string };
      const target = objects.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name);
      if (target === undefined) return [`${nameOf(object)}: no Deployment ${name}`];
      return target.spec?.replicas === undefined ? [] : [`${nameOf(target)} says replicas although it is scaled`];
    }),
  ];
}

function selectorProblems(object: KubernetesObject, pods: ReturnType<typeof podTemplates>): string[] {
  const { spec = {}, kind } = object;
  const selector =
    kind === 'Service'
      ? (spec.selector as Labels)
      : kind === 'Deployment' || kind === 'PodDisruptionBudget' || kind === 'PodMonitor'
        ? (spec.selector as { matchLabels: Labels }).matchLabels
        : kind === 'NetworkPolicy'
          ? (spec.podSelector as { matchLabels: Labels }).matchLabels
          : undefined;
  if (selector === undefined) return [];
  const found = pods.filter(({ labels }) => selects(selector, labels));
  if (kind === 'PodMonitor') return found.length >= 3 ? [] : [`${nameOf(object)} finds too few pods`];
  if (found.length !== 1) return [`${nameOf(object)} selects ${found.length} kinds of pods instead of one`];
  if (kind !== 'Service') return [];
  const open = new Map(
    (found[0]?.spec.containers ?? []).flatMap(({ ports }) => ports ?? []).map((port) => [port.name, port.containerPort]),
  );
  return (spec.ports as { port: number; targetPort: string }[]).flatMap(({ port, targetPort }) =>
    open.get(targetPort) === port ? [] : [`${nameOf(object)}: port ${port} leads to ${targetPort}, which is ${open.get(targetPort)}`],
  );
}
