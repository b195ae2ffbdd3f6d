import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { settingShapes } from '@millrace/core/domain/settings.ts';
import { root } from '../setup/paths.mjs';

/*
 * What the chart holds that is written elsewhere: Helm reads only files inside a chart. Rules and dashboards are copies; the names of settings come
 * from the code, so that Helm refuses a setting that no service knows.
 */

export const chart = join(root, 'deploy', 'helm', 'millrace');
const schemaFile = join(chart, 'values.schema.json');

/** Settings that other values of the chart give, or the pod itself: as a setting they would contradict those. */
const ofTheChart = new Set([
  'DATABASE_URL',
  'KAFKA_BROKERS',
  'KAFKA_PROPERTIES',
  'MILLRACE_GROUP_PREFIX',
  'MILLRACE_METASTORE_URL',
  'MILLRACE_RAW_URL',
  'MILLRACE_S3_FORCE_PATH_STYLE',
  'MILLRACE_STATE_DIR',
  'MILLRACE_TABLES_URL',
  'PORT',
]);
/** Both phases must mean the same topic, so one role alone may not name it. */
const ofAllRoles = new Set(['MILLRACE_ANNOUNCEMENTS_TOPIC']);

type Schema = { $defs: Record<string, unknown> };

/** Every file of the chart that is derived: path below the repository, and the text it should have. */
export function derivedFiles(): Map<string, string> {
  const files = new Map<string, string>();
  const copy = (from: string, to: string) => files.set(join('deploy/helm/millrace/files', to), readFileSync(join(root, from), 'utf8'));
  for (const name of ['recording.yml', 'alerts.yml']) copy(`deploy/prometheus/${name}`, name);
  for (const name of readdirSync(join(root, 'deploy/grafana/dashboards')).filter((each) => each.endsWith('.json')))
    copy(`deploy/grafana/dashboards/${name}`, `dashboards/${name}`);
  files.set('deploy/helm/millrace/values.schema.json', schemaWithSettings(readFileSync(schemaFile, 'utf8')));
  return files;
}

/** The schema of the values with the settings that services know now. Pure but for the settings. */
function schemaWithSettings(text: string): string {
  const schema = JSON.parse(text) as Schema;
  const names = Object.keys(settingShapes).filter((name) => !ofTheChart.has(name));
  const define = (allowed: readonly string[]) => ({
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries([...allowed].sort().map((name) => [name, { $ref: '#/$defs/settingValue' }])),
  });
  schema.$defs.settings = define(names);
  schema.$defs.roleSettings = define(names.filter((name) => !ofAllRoles.has(name)));
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** Writes files below the repository; in the given folders, others of the same ending are removed. */
export function writeFiles(files: ReadonlyMap<string, string>, folders: readonly string[] = []): void {
  for (const folder of folders)
    for (const name of existsSync(join(root, folder)) ? readdirSync(join(root, folder)) : [])
      if (/\.(ya?ml|json)$/.test(name) && !files.has(join(folder, name))) rmSync(join(root, folder, name));
  for (const [path, text] of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}
