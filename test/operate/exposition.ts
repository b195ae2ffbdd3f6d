import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** One line of a scrape. `labels` as they stand, without quotes. */
export type Sample = { name: string; labels: Record<string, string>; value: number };
/** A metric with its lines: histograms have `_bucket`, `_sum` and `_count` among theirs. */
export type Family = { name: string; type: string; help: string; samples: Sample[] };

const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;
const sampleLine = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\.)*",?)*\})? (\S+)$/;

/** What Prometheus asks for when it scrapes a target. */
export async function scrape(adminUrl: string, accept = 'text/plain'): Promise<string> {
  const response = await fetch(`${adminUrl}/metrics`, { headers: { accept }, signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`${adminUrl}/metrics answers ${response.status}`);
  return await response.text();
}

/** Reads Prometheus text, or OpenMetrics with its counters' names put together again; a line that is none of either is an error. */
export function familiesOf(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  let family: Family | undefined;
  for (const line of text.split('\n')) {
    if (line === '' || line === '# EOF') continue;
    const meta = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (meta !== null) {
      const [, kind, name = '', words = ''] = meta;
      if (family?.name !== name) {
        if (families.has(name)) throw new Error(`${name} comes twice`);
        family = { name, type: '', help: '', samples: [] };
        families.set(name, family);
      }
      family[kind === 'TYPE' ? 'type' : 'help'] = words;
      continue;
    }
    const found = sampleLine.exec(line);
    const name = found?.[1] ?? '';
    if (found === null || family === undefined || !name.startsWith(family.name)) throw new Error(`this line does not belong here: ${line}`);
    const labels = Object.fromEntries([...(found[2] ?? '').matchAll(label)].map((match) => [match[1], match[2]]));
    family.samples.push({ name, labels, value: Number(found[3]) });
  }
  return families;
}

/** Sum of the samples that carry all these labels; undefined when there is none. */
export function sumOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''));
  const found = family?.samples.filter(
    (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
  return found === undefined || found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
}

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Where people, rules and dashboards name metrics. */
const places = ['deploy/prometheus/*.yml', 'deploy/grafana/**/*.json', 'docs/**/*.md', 'README.md'];

/**
 * Names of metrics in every file that may name one; those that end in `_` stand for all that begin so.
 * A recording rule's name has colons and is none; nor is `_millrace_…`, which is a topic or a folder.
 */
export function namedMetrics(): { file: string; names: string[] }[] {
  return places.flatMap((pattern) =>
    globSync(pattern, { cwd: root }).map((file) => ({
      file,
      names: [...new Set(readFileSync(root + file, 'utf8').match(/(?<![\w:])(?:millrace|nodejs)_[a-z0-9_]+/g) ?? [])],
    })),
  );
}
