import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { settingShapes } from '@millrace/core/domain/settings.ts';
import { beforeAll, describe, expect, it } from 'vitest';
import { chart } from '../../../dev/chart/files.ts';
import { renderChart, renderKubernetes, runHelm } from '../../../dev/chart/render.ts';
import { KUBERNETES_VERSIONS } from '../../../dev/setup/pins.mjs';
import { freshDirectory } from '../../support/stack.ts';
import { valueSets } from '../chart-values.ts';
import { linkProblems } from '../kubernetes-links.ts';
import { type KubernetesObject, nameOf, podTemplates, readManifests } from '../kubernetes-objects.ts';
import { lifeProblems, securityProblems, settingProblems } from '../kubernetes-rules.ts';
import { KubernetesSchemas } from './kubernetes-schemas.ts';

const root = join(import.meta.dirname, '../../..');
const known = new Set([...Object.keys(settingShapes), 'MILLRACE_ADMIN_PORT']);
const releases = KUBERNETES_VERSIONS.map((release) => ({ release, schemas: new KubernetesSchemas(release) }));

const objectsOf = async (...values: string[]) => (await renderChart(...values)).map(({ document }) => document.toJS() as KubernetesObject);

describe.each(valueSets)('the chart with the values "$name"', ({ name, file }) => {
  let objects: KubernetesObject[] = [];
  beforeAll(async () => {
    objects = await objectsOf('-f', file);
  });

  it('has nothing to complain about for helm lint --strict', async () => {
    expect(await runHelm('lint', '--strict', chart, '-f', file)).toContain('0 chart(s) failed');
  });

  it.each(releases)('makes objects that Kubernetes $release and the operators know', ({ schemas }) => {
    expect(objects.flatMap((object) => schemas.problems(object))).toEqual([]);
  });

  it('keeps the rules of security, life, settings and links', () => {
    expect([...securityProblems(objects), ...lifeProblems(objects), ...settingProblems(objects, known), ...linkProblems(objects)]).toEqual(
      [],
    );
  });

  it('makes kinds that need an operator or rights only where they are asked for', () => {
    const kinds = new Set(objects.map(({ kind }) => kind));
    const optional = [
      'PodMonitor',
      'PrometheusRule',
      'ScaledObject',
      'Role',
      'RoleBinding',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'CronJob',
    ];
    expect(optional.filter((kind) => kinds.has(kind))).toEqual(kindsOf[name]);
  });

  it('greets with what to do next', async () => {
    const text = await notes(file);
    expect(text).toContain('helm -n millrace test millrace');
    expect(text).not.toContain('<no value>');
  });
});

/** What Helm prints after an installation. It does so for a cluster only, so a copy of the chart makes an object of it. */
async function notes(values: string): Promise<string> {
  const copy = join(freshDirectory('chart'), 'millrace');
  cpSync(chart, copy, { recursive: true });
  const templates = join(copy, 'templates');
  writeFileSync(join(templates, '_notes.tpl'), `{{ define "notes" }}${readFileSync(join(templates, 'NOTES.txt'), 'utf8')}{{ end }}`);
  writeFileSync(join(templates, 'notes.yaml'), 'notes: {{ include "notes" . | toJson }}\n');
  return runHelm('template', 'millrace', copy, '--namespace', 'millrace', '-f', values, '--show-only', 'templates/notes.yaml');
}

const kindsOf: Readonly<Record<string, string[]>> = {
  minimal: ['NetworkPolicy', 'PodDisruptionBudget', 'CronJob'],
  production: ['PodMonitor', 'PrometheusRule', 'NetworkPolicy', 'PodDisruptionBudget', 'CronJob'],
  everything: ['PodMonitor', 'PrometheusRule', 'ScaledObject', 'Role', 'RoleBinding', 'NetworkPolicy', 'PodDisruptionBudget', 'CronJob'],
  files: [],
};

describe('with everything on', () => {
  const values = ['-f', join(chart, 'ci/everything-values.yaml')];
  let objects: KubernetesObject[] = [];
  const find = (name: string) => objects.find((object) => nameOf(object) === name);
  beforeAll(async () => {
    objects = await objectsOf(...values);
  });

  it('scales phase 1 by the lag of landing and phase 2 by that of the announcements', () => {
    const triggers = ['phase1', 'phase2'].map((role) => {
      const all = (find(`ScaledObject/mill-${role}`)?.spec?.triggers ?? []) as { type: string; metadata: Record<string, string> }[];
      return all[0];
    });
    expect(triggers.map((trigger) => [trigger?.type, trigger?.metadata.consumerGroup, trigger?.metadata.topic])).toEqual([
      ['kafka', 'mill-landing', undefined],
      ['kafka', 'mill-table', 'mill.announcements'],
    ]);
  });

  it('carries the rules and dashboards of the repository unchanged', () => {
    const groups = (find('PrometheusRule/mill')?.spec?.groups as { name: string; rules: { alert?: string }[] }[]) ?? [];
    const alerts = readFileSync(join(root, 'deploy/prometheus/alerts.yml'), 'utf8').match(/^\s*- alert: (\S+)$/gm) ?? [];
    expect(alerts.length).toBeGreaterThan(0);
    expect(groups.flatMap(({ rules }) => rules).filter(({ alert }) => alert !== undefined)).toHaveLength(alerts.length);
    const dashboard = find('ConfigMap/mill-dashboards')?.data?.['millrace-fleet.json'] ?? '';
    expect(JSON.parse(dashboard)).toEqual(JSON.parse(readFileSync(join(root, 'deploy/grafana/dashboards/fleet.json'), 'utf8')));
  });

  it('restarts with the right to patch two Deployments and nothing else, and names both', () => {
    const role = find('Role/mill-doctor') as unknown as { rules: unknown };
    expect(role.rules).toEqual([
      { apiGroups: ['apps'], resources: ['deployments'], resourceNames: ['mill-phase1', 'mill-phase2'], verbs: ['get', 'patch'] },
    ]);
  });

  it('lets each role talk to what it needs and nothing else', () => {
    const ports = (role: string) => {
      const spec = find(`NetworkPolicy/mill-${role}`)?.spec as { egress?: { ports: { port: number }[] }[] } | undefined;
      return [...new Set((spec?.egress ?? []).flatMap((rule) => rule.ports.map(({ port }) => port)))].sort((a, b) => a - b);
    };
    const [dns, traces] = [53, 4318];
    const worker = [dns, traces, 7070, 8080, 9092, 9093, 9094];
    expect(['phase1', 'phase2', 'metastore', 'migrate', 'doctor', 'test'].map(ports)).toEqual([
      worker,
      worker,
      [dns, traces, 6432],
      [dns, traces, 6432],
      [dns, 443, traces, 6443, 7070, 8080, 9092, 9093, 9094],
      [dns, traces, 8080],
    ]);
  });

  it('runs the migration before the release, with all it needs as hooks of their own', () => {
    const hooks = objects.filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] === 'pre-install,pre-upgrade');
    expect(hooks.map(nameOf).sort()).toEqual(['Job/mill-migrate', 'NetworkPolicy/mill-migrate', 'ServiceAccount/mill-migrate']);
    const [migration] = podTemplates(objects).filter(({ role }) => role === 'migrate');
    expect(migration?.spec.containers[0]?.envFrom).toBeUndefined();
  });
});

it('deploy/k8s is the chart rendered (npm run deploy:render)', async () => {
  for (const [path, text] of await renderKubernetes())
    expect(existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : 'missing', path).toBe(text);
});

it.each(releases)('deploy/k8s is known to Kubernetes $release', ({ schemas }) => {
  const objects = ['deploy/k8s', 'deploy/k8s/operators'].flatMap((folder) => [...readManifests(join(root, folder)).values()].flat());
  expect(objects.flatMap((object) => schemas.problems(object))).toEqual([]);
});
