import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { root } from '../../dev/setup/paths.mjs';

type Limits = { cpus?: string; memory?: string; pids?: number };

/** A service of docker-compose.yml, as far as the tests look at it; anchors and merges are resolved. */
export type ComposeService = {
  image: string;
  build?: { context: string };
  profiles?: string[];
  entrypoint?: string[];
  command?: string[];
  user?: string;
  restart?: string;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  tmpfs?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test?: string[]; disable?: boolean };
  deploy?: { resources?: { limits?: Limits } };
};

export type Compose = { services: Record<string, ComposeService>; volumes: Record<string, unknown> };

export const composeText = (): string => readFileSync(join(root, 'docker-compose.yml'), 'utf8');

/** The Compose file with its anchors resolved. It interpolates nothing. */
export const readCompose = (): Compose => parse(composeText(), { merge: true }) as Compose;

/** Our own image, whatever its tag. Pure. */
export const isOurs = ({ image }: ComposeService): boolean => image.startsWith('ghcr.io/millrace/millrace:');

/** Host, port and container port of a port that is published. Pure. */
export function published(port: string): { address: string; host: string; container: string } | undefined {
  const match = /^(\d+\.\d+\.\d+\.\d+):(\d+):(\d+)$/.exec(port);
  return match === null ? undefined : { address: match[1] ?? '', host: match[2] ?? '', container: match[3] ?? '' };
}
