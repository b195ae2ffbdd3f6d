import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { prometheusTool, root } from '../setup/paths.mjs';
import { createPart, type Part } from './part.ts';
import { choosePort } from './ports.ts';

export interface PrometheusOptions {
  readonly dir: string;
  /** `host:port` of each job, under the names that the rules know; by default the services of this machine at their usual ports */
  readonly targets?: Readonly<Record<string, readonly string[]>>;
  /** paths; by default the rules of `deploy/prometheus` */
  readonly ruleFiles?: readonly string[];
  /** Prometheus durations: between two scrapes, between two evaluations, and how long a series that stopped counts as alive */
  readonly timing?: { readonly scrape: string; readonly evaluation: string; readonly lookback: string };
}

const TARGETS = { 'millrace-metastore': ['127.0.0.1:9100'], 'millrace-phase1': ['127.0.0.1:9101'], 'millrace-phase2': ['127.0.0.1:9102'] };
const RULES = ['recording.yml', 'alerts.yml'].map((name) => join(root, 'deploy', 'prometheus', name));
const TIMING = { scrape: '5s', evaluation: '5s', lookback: '5m' };
const USUAL_PORT = 9090;

/** Starts a real Prometheus on loopback that scrapes services under alert rules. */
export async function startPrometheus(options: PrometheusOptions): Promise<Part & { readonly url: string }> {
  const { dir, targets = TARGETS, ruleFiles = RULES, timing = TIMING } = options;
  const command = prometheusTool('prometheus');
  if (command === undefined)
    throw new Error('there is no prometheus; the set-up brings it for `npm run stack -- --prometheus` and `npm run test:alerts`');
  mkdirSync(dir, { recursive: true });
  const config = join(dir, 'prometheus.yml');
  writeFileSync(
    config,
    stringify({
      global: { scrape_interval: timing.scrape, scrape_timeout: timing.scrape, evaluation_interval: timing.evaluation },
      rule_files: ruleFiles,
      scrape_configs: Object.entries(targets).map(([job, addresses]) => ({ job_name: job, static_configs: [{ targets: addresses }] })),
    }),
  );
  const port = await choosePort(USUAL_PORT);
  const url = `http://127.0.0.1:${port}`;
  const part = createPart({
    name: 'prometheus',
    dir,
    command,
    args: [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      `--query.lookback-delta=${timing.lookback}`,
    ],
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
