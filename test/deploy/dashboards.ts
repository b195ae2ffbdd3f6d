import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { root } from '../../dev/setup/paths.mjs';

/** What a panel of a dashboard must have, as far as the tests look at it. */
export type Panel = {
  id: number;
  type: string;
  title?: string;
  description?: string;
  datasource?: { type: string; uid: string };
  gridPos: { x: number; y: number; w: number; h: number };
  fieldConfig?: { defaults?: { unit?: string } };
  targets?: { refId: string; expr: string; datasource?: { uid: string } }[];
  panels?: Panel[];
};

export type Variable = { name: string; type: string; query: string | { query: string } };

export type Dashboard = {
  uid: string;
  title: string;
  description: string;
  schemaVersion: number;
  panels: Panel[];
  templating: { list: Variable[] };
  links: { url: string }[];
};

const folder = join(root, 'deploy', 'grafana');

/** The dashboards as they are provisioned, by file name. */
export const dashboards = (): { file: string; board: Dashboard }[] =>
  readdirSync(join(folder, 'dashboards')).map((file) => ({
    file,
    board: JSON.parse(readFileSync(join(folder, 'dashboards', file), 'utf8')),
  }));

/** A provisioning file of Grafana. */
export const provisioned = (file: string): unknown => parse(readFileSync(join(folder, 'provisioning', file), 'utf8'));

/** Panels that show something: rows are headings. */
export const shown = (board: Dashboard): Panel[] =>
  board.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]).filter(({ type }) => type !== 'row');

/** Grafana's own variables, and ours, that stand in a text. Pure. */
export const variablesIn = (text: string): string[] =>
  [...text.matchAll(/\$\{(\w+)[^}]*\}|\$(\w+)/g)].map(([, braced, bare]) => braced ?? bare ?? '');

/** A query as Prometheus gets it: Grafana puts durations and names into the places of variables. Pure. */
export const asPrometheusGetsIt = (query: string): string =>
  query.replaceAll('$__rate_interval', '1m').replace(/\$\{\w+[^}]*\}|\$\w+/g, 'anything');

/** The PromQL within `label_values(metric, label)`; undefined for other kinds of variable. Pure. */
export function selectorOf({ query }: Variable): { selector: string; label: string } | undefined {
  const match = /^label_values\((.+),\s*(\w+)\)$/.exec(typeof query === 'string' ? query : query.query);
  return match === null ? undefined : { selector: match[1] ?? '', label: match[2] ?? '' };
}

/** Pairs of panels that lie on each other. Pure. */
export function overlaps(panels: readonly Panel[]): string[] {
  const meet = ({ gridPos: a }: Panel, { gridPos: b }: Panel) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
  return panels.flatMap((one, index) =>
    panels
      .slice(index + 1)
      .filter((other) => meet(one, other))
      .map((other) => `${one.title} and ${other.title}`),
  );
}
