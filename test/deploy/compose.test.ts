import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSettings, settingShapes, unknownSettings } from '@millrace/core/domain/settings.ts';
import { config as metastore, migrateConfig as migrate } from '@millrace/metastore/config.ts';
import { phase1Settings as phase1 } from '@millrace/phase1-dumper/config.ts';
import { config as phase2 } from '@millrace/phase2-transformer/config.ts';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { z } from 'zod';
import { root } from '../../dev/setup/paths.mjs';
import { KAFKA_VERSION, POSTGRES_VERSION, VERSITYGW_VERSION } from '../../dev/setup/pins.mjs';
import { type Compose, type ComposeService, isOurs, readCompose } from './compose.ts';
import { composeProblems } from './compose-rules.ts';

const compose = readCompose();
const entry = join(root, 'deploy', 'entrypoint.mjs');
/** First words of the lines of its usage. */
const usage = execFileSync(process.execPath, [entry, 'help'], { encoding: 'utf8' });
const commands = [...usage.matchAll(/^ {2}([a-z0-9 |]+?)(?=\s[A-Z[]|\s{2})/gm)].flatMap(([, names = '']) =>
  names.split('|').map((name) => name.trim()),
);
const around = { commands, exists: (path: string) => existsSync(join(root, path)) };
const service = (name: string) => compose.services[name] as ComposeService;
const inProfile = (profile: string) =>
  Object.entries(compose.services).flatMap(([name, { profiles }]) => (profiles?.includes(profile) ? [name] : []));

test('the file keeps its own rules: profiles, pinned images, walls, limits, health, mounts, addresses', () => {
  expect(commands).toEqual(expect.arrayContaining(['phase1', 'phase2', 'metastore', 'migrate', 'cli', 'demo', 'rows']));
  expect(composeProblems(compose, around)).toEqual([]);
});

test.each([
  ['prometheus', 'latest', (one: ComposeService) => Object.assign(one, { image: 'prom/prometheus:latest' })],
  ['prometheus', 'open beyond', (one: ComposeService) => Object.assign(one, { ports: ['9090:9090'] })],
  ['prometheus', 'not there', (one: ComposeService) => Object.assign(one, { volumes: ['./deploy/prometheos:/etc/prometheus:ro'] })],
  ['prometheus', 'not used', (one: ComposeService) => Object.assign(one, { volumes: [] })],
  [
    'phase1',
    'which is not there',
    (one: ComposeService) => Object.assign(one, { depends_on: { kafko: { condition: 'service_healthy' } } }),
  ],
  [
    'phase1',
    'no health check',
    (one: ComposeService) => Object.assign(one, { depends_on: { producer: { condition: 'service_healthy' } } }),
  ],
  [
    'phase1',
    'never completes',
    (one: ComposeService) => Object.assign(one, { depends_on: { kafka: { condition: 'service_completed_successfully' } } }),
  ],
  ['phase1', 'no command', (one: ComposeService) => Object.assign(one, { command: ['phase3'] })],
  ['phase1', 'names kafko', (one: ComposeService) => Object.assign(one, { environment: { KAFKA_BROKERS: 'kafko:9092' } })],
  ['phase2', 'read-only', (one: ComposeService) => Object.assign(one, { read_only: false })],
  ['phase2', 'twice', (one: ComposeService) => Object.assign(one, { ports: ['127.0.0.1:9101:9102'] })],
  ['kafka', 'not in all of its profiles', (one: ComposeService) => Object.assign(one, { profiles: ['full'] })],
])('a mistake in %s is told: %s', (name, words, spoil) => {
  const spoilt = structuredClone(compose) as Compose;
  spoil(spoilt.services[name] as ComposeService);
  expect(composeProblems(spoilt, around).join('\n')).toContain(words);
});

describe('environment', () => {
  test.each([
    ['phase1', phase1],
    ['phase2', phase2],
    ['metastore', metastore],
    ['migrate', migrate],
  ] as [string, z.ZodObject][])('%s starts with what it is given', (name, schema) => {
    const env = service(name).environment ?? {};
    expect(() => readSettings(schema, env)).not.toThrow();
    for (const key of Object.keys(env)) if (!key.startsWith('AWS_')) expect(Object.keys(schema.shape), key).toContain(key);
  });

  test('no service of ours is given a variable that nobody reads', () => {
    for (const [name, one] of Object.entries(compose.services).filter(([, each]) => isOurs(each))) {
      expect(unknownSettings(one.environment ?? {}), name).toEqual([]);
      for (const key of Object.keys(one.environment ?? {}))
        expect(key in settingShapes || /^AWS_[A-Z0-9_]+$/.test(key), `${name}: ${key}`).toBe(true);
    }
  });

  test('who writes to the lake and who keeps it agree on keys, bucket and database', () => {
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, MILLRACE_RAW_URL } = service('phase1').environment ?? {};
    expect(service('s3').environment).toMatchObject({ ROOT_ACCESS_KEY: AWS_ACCESS_KEY_ID, ROOT_SECRET_KEY: AWS_SECRET_ACCESS_KEY });
    expect(service('bucket').command?.join(' ')).toContain(`/data/${new URL(MILLRACE_RAW_URL ?? '').host} `);
    const { POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB } = service('postgres').environment ?? {};
    expect(service('metastore').environment?.DATABASE_URL).toBe(
      `postgres://${POSTGRES_USER}:${POSTGRES_PASSWORD}@postgres:5432/${POSTGRES_DB}`,
    );
  });
});

test('the profile demo is the smallest that shows rows, full is everything', () => {
  expect(inProfile('demo')).toEqual(['kafka', 'postgres', 'bucket', 's3', 'migrate', 'metastore', 'phase1', 'phase2', 'producer', 'rows']);
  expect(inProfile('full')).toEqual(Object.keys(compose.services).filter((name) => !['rows', 'cli'].includes(name)));
});

test('Kafka, PostgreSQL, S3 server and our own image are of the versions that are tested', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  expect(service('kafka').image).toBe(`apache/kafka:${KAFKA_VERSION}`);
  expect(service('postgres').image).toBe(`postgres:${POSTGRES_VERSION.replace(/\.0-.*$/, '')}-bookworm`);
  for (const name of ['s3', 'bucket']) expect(service(name).image).toBe(`versity/versitygw:v${VERSITYGW_VERSION}`);
  for (const one of Object.values(compose.services).filter(isOurs)) expect(one.image).toBe(`ghcr.io/millrace/millrace:${version}`);
});

test('Kafka has a listener for containers and one for this machine, each advertised as its clients reach it', () => {
  const env = service('kafka').environment ?? {};
  const listeners = (key: string) => Object.fromEntries((env[key] ?? '').split(',').map((each) => each.split('://')));
  expect(listeners('KAFKA_ADVERTISED_LISTENERS')).toEqual({ CONTAINERS: 'kafka:9092', HOST: '127.0.0.1:19092' });
  expect(listeners('KAFKA_LISTENERS')).toEqual({ CONTAINERS: ':9092', HOST: ':19092', CONTROLLER: ':9093' });
  expect(service('kafka').ports).toEqual(['127.0.0.1:19092:19092']);
  expect(service('phase1').environment?.KAFKA_BROKERS).toBe('kafka:9092');
});

test('Prometheus scrapes the services of the file by the ports they serve, and tells the Alertmanager of the file', () => {
  type Discovery = { dns_sd_configs: { names: string[]; port: number }[] };
  const prometheus = parse(readFileSync(join(root, 'deploy/prometheus/prometheus.yml'), 'utf8')) as {
    scrape_configs: (Discovery & { job_name: string })[];
    alerting: { alertmanagers: Discovery[] };
  };
  const targets = ({ dns_sd_configs }: Discovery) => dns_sd_configs.flatMap(({ names, port }) => names.map((name) => `${name}:${port}`));
  for (const target of [...prometheus.scrape_configs, ...prometheus.alerting.alertmanagers].flatMap(targets)) {
    const [name = '', port] = target.split(':');
    expect(
      service(name)?.ports?.some((each) => each.endsWith(`:${port}`)),
      target,
    ).toBe(true);
  }
  expect(service('grafana').volumes).toContain('./deploy/grafana/dashboards:/etc/grafana/millrace:ro');
});

test('every alert has a receiver in the Alertmanager', () => {
  const { route, receivers } = parse(readFileSync(join(root, 'deploy/compose/alertmanager.yml'), 'utf8')) as {
    route: { receiver: string; routes: { matchers: string[]; receiver: string }[] };
    receivers: { name: string }[];
  };
  const named = receivers.map(({ name }) => name);
  for (const { receiver } of [route, ...route.routes]) expect(named).toContain(receiver);
  expect(route.routes.flatMap(({ matchers }) => matchers)).toEqual(['severity="page"', 'severity="ticket"']);
});
