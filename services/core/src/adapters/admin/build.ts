import { createRequire } from 'node:module';
import { Gauge, type Registry } from 'prom-client';

/** The processes that serve metrics; `service` in `/version` and in `millrace_build_info`. */
export type ServiceName = 'phase1' | 'phase2' | 'metastore';

/** What runs: as `/version` answers. */
export type Build = { service: ServiceName; version: string; node: string };

const { version } = createRequire(import.meta.url)('../../../package.json') as { version: string };

/** What this process is. All workspaces carry one version. */
export function buildOf(service: ServiceName): Build {
  return { service, version, node: process.version };
}

/** Registers `millrace_build_info`, which is always 1: its labels say what runs. */
export function registerBuild(registry: Registry, build: Build): void {
  const labels = { version: build.version, service: build.service };
  new Gauge({
    name: 'millrace_build_info',
    help: 'Always 1; its labels say which version of which service runs',
    labelNames: Object.keys(labels),
    registers: [registry],
  }).set(labels, 1);
}
