import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { settingShapes } from '@millrace/core/domain/settings.ts';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { derivedFiles } from '../../dev/chart/files.ts';
import { linkProblems } from './kubernetes-links.ts';
import { type Container, podTemplates, readManifests } from './kubernetes-objects.ts';
import { environment, lifeProblems, securityProblems, settingProblems } from './kubernetes-rules.ts';

/*
 * deploy/k8s as it lies there, without Helm: that it is what the chart makes is compared in full/.
 */

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'deploy/k8s');
const base = readManifests(folder);
const operators = readManifests(join(folder, 'operators'));
const objects = [...base.values()].flat();
const known = new Set([...Object.keys(settingShapes), 'MILLRACE_ADMIN_PORT']);

describe('plain manifests', () => {
  it('each kustomization names every file beside it, and no other', () => {
    for (const [place, files] of [
      [folder, base],
      [join(folder, 'operators'), operators],
    ] as const) {
      const { resources } = parse(readFileSync(join(place, 'kustomization.yaml'), 'utf8')) as { resources: string[] };
      expect([...resources].sort()).toEqual([...files.keys()].sort());
      for (const name of resources) expect(existsSync(join(place, name)), name).toBe(true);
    }
  });

  it('hold every part that runs: services, migration, lag check', () => {
    expect(
      podTemplates(objects)
        .map(({ role, owner }) => `${role} ${owner.kind}`)
        .sort(),
    ).toEqual(['doctor CronJob', 'metastore Deployment', 'migrate Job', 'phase1 Deployment', 'phase2 Deployment']);
    expect(
      [...operators.values()]
        .flat()
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(['ConfigMap', 'PodMonitor', 'PrometheusRule', 'ScaledObject', 'ScaledObject']);
  });

  it('keep the strictest security standard', () => expect(securityProblems(objects)).toEqual([]));

  it('are probed, and have more time to end than they need', () => expect(lifeProblems(objects)).toEqual([]));

  it('set variables that the services accept, and no others', () => expect(settingProblems(objects, known)).toEqual([]));

  it('select, mount and name only what is there', () => expect(linkProblems(objects)).toEqual([]));

  it('fit the image: its user and its ports', () => {
    const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');
    const [, user] = /^USER (\d+)/m.exec(dockerfile) ?? [];
    const ports = /^EXPOSE (.+)$/m.exec(dockerfile)?.[1]?.split(' ').map(Number) ?? [];
    for (const { owner, spec } of podTemplates(objects)) {
      expect(spec.securityContext?.runAsUser, owner.metadata.name).toBe(Number(user));
      for (const { ports: open = [] } of spec.containers)
        expect(ports).toEqual(expect.arrayContaining(open.map(({ containerPort }) => containerPort)));
    }
  });

  it('say nothing that only Helm reads', () => {
    for (const { metadata } of [...objects, ...[...operators.values()].flat()])
      for (const name of [...Object.keys(metadata.labels ?? {}), ...Object.keys(metadata.annotations ?? {})])
        expect(name).not.toMatch(/^helm\.sh\//);
  });

  it('give no pod a right in the cluster: restarts are off', () => {
    expect(objects.filter(({ kind }) => kind === 'Role' || kind === 'RoleBinding')).toEqual([]);
    const doctor = podTemplates(objects).find(({ role }) => role === 'doctor');
    expect(doctor?.spec.containers[0]?.args?.slice(0, 4)).toEqual(['cli', 'doctor', 'lag', '--max-seconds']);
  });

  it('let the doctor ask what the workers ask: Kafka and the stores', () => {
    const [doctor, phase1] = ['doctor', 'phase1'].map((role) => podTemplates(objects).find((template) => template.role === role));
    const asked = ({ spec }: NonNullable<typeof doctor>) => environment(objects, spec.containers[0] as Container);
    expect(doctor && asked(doctor)).toMatchObject({ KAFKA_BROKERS: 'kafka:9092', MILLRACE_RAW_URL: 's3://lake/raw' });
    const egress = (role: string) =>
      objects.find(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === `millrace-${role}`)?.spec?.egress;
    expect(phase1).toBeDefined();
    expect(egress('doctor')).toEqual(egress('phase1'));
  });
});

it('what the chart copies from elsewhere is up to date (npm run deploy:render)', () => {
  for (const [path, text] of derivedFiles())
    expect(existsSync(join(root, path)) && readFileSync(join(root, path), 'utf8') === text, path).toBe(true);
});
