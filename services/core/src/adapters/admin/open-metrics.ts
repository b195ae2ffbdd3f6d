/** Content types of the two text formats. */
export const prometheusContentType = 'text/plain; version=0.0.4; charset=utf-8';
export const openMetricsContentType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** True when a scraper's Accept header names OpenMetrics. Pure. */
export function wantsOpenMetrics(accept: string | undefined): boolean {
  return /application\/openmetrics-text/i.test(accept ?? '');
}

/**
 * Turns Prometheus text (0.0.4) into OpenMetrics 1.0. Pure.
 * prom-client can do it too, but renames its counters for good while doing so, which changes every later answer in the older format.
 * Differences handled: a counter's family has no `_total` while its sample has; no empty lines; `# EOF` at the end.
 */
export function toOpenMetrics(text: string): string {
  const counters = new Set<string>();
  for (const match of text.matchAll(/^# TYPE (\S+) counter$/gm)) counters.add(match[1] ?? '');
  const family = (name: string) => (counters.has(name) ? name.replace(/_total$/, '') : name);
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const meta = /^# (HELP|TYPE) (\S+)(.*)$/.exec(line);
      if (meta !== null)
        return `# ${meta[1]} ${family(meta[2] ?? '')}${meta[1] === 'HELP' ? (meta[3] ?? '').replaceAll('"', '\\"') : meta[3]}`;
      const sample = /^([^\s{]+)(.*)$/.exec(line);
      const name = sample?.[1] ?? '';
      return counters.has(name) ? `${family(name)}_total${sample?.[2]}` : line;
    });
  return `${[...lines, '# EOF'].join('\n')}\n`;
}
