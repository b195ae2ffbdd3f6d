import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Document, isMap, parseAllDocuments, type YAMLMap } from 'yaml';
import { helm, root } from '../setup/paths.mjs';
import { chart } from './files.ts';

const execute = promisify(execFile);
const outputBytesMax = 16 * 2 ** 20;

export const folder = 'deploy/k8s';
/** What needs kinds that operators add; applied apart. */
export const operatorsFolder = `${folder}/operators`;
const valuesFile = join(root, folder, 'values.yaml');
const operatorsOn = ['podMonitor', 'prometheusRule', 'dashboards', 'keda'].map((name) => `${name}.enabled=true`).join();
const operatorTemplates = new Set(['podmonitor.yaml', 'prometheusrule.yaml', 'dashboards.yaml', 'keda.yaml']);
const namespace = 'millrace';

/** One object that Helm rendered, with the template it comes from. */
export type Rendered = { template: string; document: Document };

/** Runs Helm on the chart. @throws with what Helm complained about */
export async function runHelm(...args: string[]): Promise<string> {
  try {
    // no plug-ins, repositories or settings of whoever runs this
    const env = { PATH: process.env.PATH, HOME: process.env.HOME, HELM_PLUGINS: '/nonexistent', HELM_NO_PLUGINS: '1' };
    const { stdout, stderr } = await execute(helm, args, { env, maxBuffer: outputBytesMax });
    return stdout + stderr;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`helm ${args.join(' ')}:\n${stdout}${stderr}`, { cause: error });
  }
}

/** All objects of the chart for some values, in Helm's order. */
export async function renderChart(...values: string[]): Promise<Rendered[]> {
  const text = await runHelm('template', 'millrace', chart, '--namespace', namespace, ...values);
  return text
    .split(/^---$/m)
    .map((part) => ({ source: /^# Source: millrace\/templates\/(\S+)$/m.exec(part)?.[1], part }))
    .flatMap(({ source, part }) => {
      const [document] = parseAllDocuments(part.replace(/^# Source: .*$/m, ''));
      return source === undefined || document === undefined || document.contents === null
        ? []
        : [{ template: source, document: document as Document }];
    });
}

/** The plain manifests: path below the repository and text. The same objects as the chart's, without what only Helm reads. */
export async function renderKubernetes(): Promise<Map<string, string>> {
  const [plain, withOperators] = [await renderChart('-f', valuesFile), await renderChart('-f', valuesFile, '--set', operatorsOn)];
  const files = new Map<string, string>();
  files.set(`${folder}/namespace.yaml`, namespaceText);
  for (const [target, objects] of [
    [folder, plain],
    [operatorsFolder, withOperators.filter(({ template }) => operatorTemplates.has(template))],
  ] as const) {
    // `helm test` has no place here, nor has what it needs
    const kept = objects.filter(({ document }) => document.getIn(['metadata', 'labels', 'app.kubernetes.io/component']) !== 'test');
    const templates = Map.groupBy(kept, ({ template }) => template);
    for (const [template, of] of templates) files.set(`${target}/${template}`, of.map(({ document }) => plainText(document)).join('---\n'));
  }
  for (const target of [operatorsFolder, folder]) files.set(`${target}/kustomization.yaml`, kustomization(target, files));
  return files;
}

const HEAD = '# Rendered from the chart by `npm run deploy:render`.\n';

const namespaceText = `${HEAD}# Every pod keeps the strictest of Kubernetes' security standards, so the namespace asks for it.
apiVersion: v1
kind: Namespace
metadata:
  name: ${namespace}
  labels:
    pod-security.kubernetes.io/enforce: restricted
`;

function kustomization(target: string, files: ReadonlyMap<string, string>): string {
  const resources = [...files.keys()]
    .filter((path) => path.slice(0, path.lastIndexOf('/')) === target)
    .map((path) => path.slice(target.length + 1));
  const lines = resources.sort().map((name) => `  - ${name}\n`);
  return `${HEAD}apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: ${namespace}\nresources:\n${lines.join('')}`;
}

function plainText(document: Document): string {
  const copy = document.clone();
  if (isMap(copy.contents)) forgetHelm(copy.contents);
  return copy.toString({ lineWidth: 0 });
}

const ofHelm = /^helm\.sh\/|^app\.kubernetes\.io\/managed-by$/;

/** Takes labels and annotations that speak of Helm off an object and the templates of pods in it. */
function forgetHelm(map: YAMLMap): void {
  for (const { key, value } of [...map.items]) {
    if (!isMap(value)) continue;
    const name = String(key);
    if (name === 'labels' || name === 'annotations') {
      value.items = value.items.filter(({ key: label }) => !ofHelm.test(String(label)));
      if (value.items.length === 0) map.delete(key);
    } else forgetHelm(value);
  }
}
