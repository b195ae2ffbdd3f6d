import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { prometheusTool, root } from '../setup/paths.mjs';
import { createPart, type Part } from './part.ts';
import { choosePort } from './ports.ts';

/** Where the services have their metrics unless told otherwise; the names of the jobs are those the rules know. */
const JOBS = { 'millrace-metastore': 9100, 'millrace-phase1': 9101, 'millrace-phase2': 9102 };
const RULES = ['recording.yml', 'alerts.yml'];
const USUAL_PORT = 9090;

/** Starts a real Prometheus on loopback that scrapes the services of this machine at their usual ports under the rules of `deploy/prometheus`. */
export async function startPrometheus({ dir }: { dir: string }): Promise<Part & { readonly url: string }> {
  const command = prometheusTool('prometheus');
  if (command === undefined) throw new Error('there is no prometheus; the set-up brings it for `npm run stack -- --prometheus`');
  mkdirSync(dir, { recursive: true });
  const config = join(dir, 'prometheus.yml');
  writeFileSync(
    config,
    stringify({
      global: { scrape_interval: '5s', evaluation_interval: '5s' },
      rule_files: RULES.map((name) => join(root, 'deploy', 'prometheus', name)),
      scrape_configs: Object.entries(JOBS).map(([job_name, port]) => ({ job_name, static_configs: [{ targets: [`127.0.0.1:${port}`] }] })),
    }),
  );
  const port = await choosePort(USUAL_PORT);
  const url = `http://127.0.0.1:${port}`;
  const part = createPart({
    name: 'prometheus',
    dir,
    command,
    args: [`--config.file=${config}`, `--storage.tsdb.path=${join(dir, 'data')}`, `--web.listen-address=127.0.0.1:${port}`],
    stopSignal: 'SIGTERM',
    isReady: async () => {
      try {
        return (await fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(1_000) })).ok;
      } catch {
        return false;
      }
    },
  });
  await part.start();
  return Object.create(part, { url: { value: url } });
}
