import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import type { Service } from '../support/services.ts';

const SCRAPE_TIMEOUT_MS = 2_000;
const INTERVAL_MS = 5_000;
const KIB = 1024;

/** What one service used and said at one time. */
export interface Sample {
  readonly atMs: number;
  readonly service: string;
  readonly pid: number;
  readonly rssBytes: number;
  readonly openFiles: number;
  /** by name and labels, as Prometheus text has them; empty when the service did not answer */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Highest use of each service over all its processes. */
export interface Peak {
  rssBytes: number;
  openFiles: number;
}

/** Asks every running service now and then for its metrics, and the kernel for its memory and descriptors. */
export class Scraper {
  readonly peaks: Record<string, Peak> = {};
  samples = 0;
  readonly #file: string;
  readonly #services: () => readonly Service[];
  readonly #timer: NodeJS.Timeout;

  /** @param file samples, one JSON object a line */
  constructor(file: string, services: () => readonly Service[]) {
    this.#file = file;
    this.#services = services;
    this.#timer = setInterval(() => void this.scrape(), INTERVAL_MS);
  }

  async scrape(): Promise<void> {
    const samples = await Promise.all(this.#services().map(sample));
    for (const found of samples) {
      if (found === undefined) continue;
      this.samples++;
      this.peaks[found.service] ??= { rssBytes: 0, openFiles: 0 };
      const peak = this.peaks[found.service] as Peak;
      peak.rssBytes = Math.max(peak.rssBytes, found.rssBytes);
      peak.openFiles = Math.max(peak.openFiles, found.openFiles);
      appendFileSync(this.#file, `${JSON.stringify(found)}\n`);
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

async function sample(service: Service): Promise<Sample | undefined> {
  const { pid, name, adminUrl } = service;
  if (pid === undefined) return undefined;
  const used = useOf(pid);
  if (used === undefined) return undefined;
  const text = await fetch(`${adminUrl}/metrics`, { signal: AbortSignal.timeout(SCRAPE_TIMEOUT_MS) })
    .then((response) => response.text())
    .catch(() => '');
  return { atMs: Date.now(), service: name, pid, ...used, metrics: metricsOf(text) };
}

/** Linux only; undefined when the process is gone. */
function useOf(pid: number): { rssBytes: number; openFiles: number } | undefined {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return { rssBytes: Number(kib ?? 0) * KIB, openFiles: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return undefined;
  }
}

/** Our own metrics of a scrape, without histograms. Pure. */
export function metricsOf(text: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const line of text.split('\n')) {
    const at = line.lastIndexOf(' ');
    if (line.startsWith('millrace_') && !/_(bucket|sum|count)[{ ]/.test(line)) found[line.slice(0, at)] = Number(line.slice(at + 1));
  }
  return found;
}
