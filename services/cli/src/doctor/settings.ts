import { announcementsTopic } from '@millrace/core/domain/announcement.ts';
import { settingShapes, unknownSettings } from '@millrace/core/domain/settings.ts';
import { z } from 'zod';
import type { Environment } from '../output/cli.ts';
import { type Finding, failure, ok, unknown, warning } from './finding.ts';

export const roles = ['phase1', 'phase2', 'metastore'] as const;
/** A service whose needs are looked at. */
export type Role = (typeof roles)[number];

const doctorSettings = z.object({
  KAFKA_BROKERS: settingShapes.KAFKA_BROKERS.optional(),
  KAFKA_PROPERTIES: settingShapes.KAFKA_PROPERTIES,
  MILLRACE_RAW_URL: settingShapes.MILLRACE_RAW_URL.optional(),
  MILLRACE_TABLES_URL: settingShapes.MILLRACE_TABLES_URL.optional(),
  MILLRACE_S3_FORCE_PATH_STYLE: settingShapes.MILLRACE_S3_FORCE_PATH_STYLE,
  DATABASE_URL: settingShapes.DATABASE_URL.optional(),
  MILLRACE_METASTORE_URL: settingShapes.MILLRACE_METASTORE_URL,
  MILLRACE_STATE_DIR: settingShapes.MILLRACE_STATE_DIR,
  MILLRACE_GROUP_PREFIX: settingShapes.MILLRACE_GROUP_PREFIX,
  MILLRACE_GROUP_PROTOCOL: settingShapes.MILLRACE_GROUP_PROTOCOL,
  MILLRACE_ANNOUNCEMENTS_TOPIC: settingShapes.MILLRACE_ANNOUNCEMENTS_TOPIC,
  MILLRACE_ANNOUNCEMENTS_PARTITIONS: settingShapes.MILLRACE_ANNOUNCEMENTS_PARTITIONS,
  MILLRACE_SEAL_BYTES: settingShapes.MILLRACE_SEAL_BYTES,
  MILLRACE_BUFFER_BYTES_MAX: settingShapes.MILLRACE_BUFFER_BYTES_MAX,
  MILLRACE_BATCH_BYTES: settingShapes.MILLRACE_BATCH_BYTES,
  MILLRACE_WORKER_THREADS: settingShapes.MILLRACE_WORKER_THREADS,
  MILLRACE_WORKER_HEAP_BYTES: settingShapes.MILLRACE_WORKER_HEAP_BYTES,
});

/** The settings as far as they can be understood: one that is missing or wrong is left out, or has its default, and is told by a finding. */
export type DoctorSettings = z.output<typeof doctorSettings>;

/** What each role cannot start without. Phase 2 works without Kafka, so that is not here. */
const needs: Readonly<Record<Role, readonly (keyof DoctorSettings & keyof typeof settingShapes)[]>> = {
  phase1: ['KAFKA_BROKERS', 'MILLRACE_RAW_URL'],
  phase2: ['MILLRACE_RAW_URL', 'MILLRACE_TABLES_URL'],
  metastore: ['DATABASE_URL'],
};

/**
 * Reads what there is to read and says what is wrong with the rest. Pure.
 * @param asked roles to look at; empty: those that the environment configures
 */
export function readDoctorSettings(
  env: Environment,
  asked: readonly Role[],
): { settings: DoctorSettings; roles: Role[]; findings: Finding[] } {
  const findings = unknownSettings(env).map((line) =>
    failure(line, `rename or remove it: no service starts with a setting it does not know`),
  );
  const given = Object.fromEntries(
    Object.entries(env).filter(([name, value]) => value !== undefined && value !== '' && name in settingShapes),
  );
  for (const [name, shape] of Object.entries(settingShapes)) {
    if (given[name] === undefined) continue;
    const parsed = (shape as z.ZodType).safeParse(given[name]);
    if (parsed.success) continue;
    delete given[name];
    const problem = parsed.error.issues.map(({ message }) => message).join(', ');
    findings.push(failure(`${name}: ${problem}`, `correct ${name}: ${shape.meta()?.description}`));
  }
  const settings = doctorSettings.parse(given);
  const looked = asked.length > 0 ? [...asked] : configuredRoles(env);
  if (looked.length === 0)
    findings.push(
      failure(
        'none of KAFKA_BROKERS, MILLRACE_RAW_URL, MILLRACE_TABLES_URL and DATABASE_URL is set: there is nothing to look at',
        'give doctor the environment of the services, e.g. `set -a; . ./env; set +a`',
      ),
    );
  for (const name of new Set(looked.flatMap((role) => needs[role])))
    if (!env[name]) {
      const wanting = looked.filter((role) => needs[role].includes(name));
      findings.push(failure(`${name} is not set; ${wanting.join(' and ')} cannot start without`, `set ${name}: ${describe(name)}`));
    }
  if (looked.includes('phase2') && !env.KAFKA_BROKERS && !looked.includes('phase1'))
    findings.push(warning('KAFKA_BROKERS is not set: each phase-2 worker works on all datasets', 'set KAFKA_BROKERS to share them'));
  if (!looked.includes('metastore')) findings.push(unknown('DATABASE_URL is not set: the database is not looked at'));
  const count = Object.keys(env).filter((name) => name in settingShapes).length;
  if (!findings.some(({ level }) => level === 'failure')) findings.unshift(ok(`${count} settings, for ${looked.join(', ')}`));
  return { settings, roles: looked, findings };
}

function configuredRoles(env: Environment): Role[] {
  const workers = Boolean(env.KAFKA_BROKERS || env.MILLRACE_RAW_URL || env.MILLRACE_TABLES_URL);
  return [...(workers ? (['phase1', 'phase2'] as const) : []), ...(env.DATABASE_URL ? (['metastore'] as const) : [])];
}

const describe = (name: keyof typeof settingShapes) => String(settingShapes[name].meta()?.description ?? 'required');

/** Names that follow from the settings. Pure. */
export function kafkaNames(settings: DoctorSettings): { announcements: string; landingGroup: string; tableGroup: string } {
  const prefix = settings.MILLRACE_GROUP_PREFIX;
  return {
    announcements: announcementsTopic(prefix, settings.MILLRACE_ANNOUNCEMENTS_TOPIC),
    landingGroup: `${prefix}-landing`,
    tableGroup: `${prefix}-table`,
  };
}
