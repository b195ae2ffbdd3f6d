import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { startPrometheus } from '../../../dev/stack/prometheus.ts';
import { waitFor } from '../../support/services.ts';
import { readRules, ruleFileNames } from '../rule-files.ts';
import { shortened } from '../shortened.ts';

/**
 * Samples are taken each second, four times as seldom as a scrape each 15 s in fast motion would: the services shall have time for their work.
 * A series that stopped without a word counts as alive for what five minutes are in fast motion.
 */
const timing = { scrape: '1s', evaluation: '500ms', lookback: '5s' };

const SCRAPED_WITHIN_MS = 30_000;

export type FastPrometheus = {
  /** Names of the alerts that were firing at any time within the last `seconds`, of which only whole ones count: what had ended before them is not told. */
  firedWithin(seconds: number): Promise<string[]>;
  /** Names of the alerts that fire now; with `pending` also those that are about to. */
  active(pending?: boolean): Promise<string[]>;
  /** Names of all metrics that were ever scraped. */
  metricNames(): Promise<string[]>;
  stop(): Promise<void>;
};

/**
 * Starts a Prometheus with the shipped rules in fast motion, and waits until it has scraped every target: it begins with that some seconds late, and
 * rules that miss a target have noticed by then.
 * @param by every duration of the rules is divided by this
 */
export async function startFastPrometheus(
  dir: string,
  targets: Readonly<Record<string, readonly string[]>>,
  by: number,
): Promise<FastPrometheus> {
  mkdirSync(dir, { recursive: true });
  const ruleFiles = ruleFileNames.map((name) => {
    const path = join(dir, name);
    writeFileSync(path, stringify(shortened(readRules(name), by)));
    return path;
  });
  const prometheus = await startPrometheus({ dir, targets, ruleFiles, timing });

  async function ask<T>(path: string): Promise<T> {
    const response = await fetch(`${prometheus.url}/api/v1/${path}`);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return ((await response.json()) as { data: T }).data;
  }
  const scraped = async () => (await ask<{ result: unknown[] }>('query?query=up')).result.length;
  const wanted = Object.values(targets).flat().length;
  await waitFor('all targets are scraped', scraped, (count) => count === wanted, SCRAPED_WITHIN_MS);
  return {
    async firedWithin(seconds) {
      const query = `max by (alertname) (max_over_time(ALERTS{alertstate="firing"}[${Math.floor(seconds)}s]))`;
      const { result } = await ask<{ result: { metric: { alertname: string } }[] }>(`query?query=${encodeURIComponent(query)}`);
      return result.map(({ metric }) => metric.alertname).toSorted();
    },
    async active(pending = false) {
      const { alerts } = await ask<{ alerts: { state: string; labels: { alertname: string } }[] }>('alerts');
      const wanted = alerts.filter(({ state }) => state === 'firing' || pending);
      return [...new Set(wanted.map(({ labels }) => labels.alertname))].toSorted();
    },
    metricNames: () => ask('label/__name__/values'),
    stop: () => prometheus.stop(),
  };
}
