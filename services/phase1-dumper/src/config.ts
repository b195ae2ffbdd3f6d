import { adminPort, readSettings, requireSeparateRoots, settingShapes } from '@millrace/core/domain/settings.ts';
import { z } from 'zod';

/** Everything phase 1 is configured by. The tables' place is asked for only to refuse roots that lie in one another (exact rule R2). */
export const phase1Settings = z.object({
  KAFKA_BROKERS: settingShapes.KAFKA_BROKERS,
  KAFKA_PROPERTIES: settingShapes.KAFKA_PROPERTIES,
  MILLRACE_RAW_URL: settingShapes.MILLRACE_RAW_URL,
  MILLRACE_TABLES_URL: settingShapes.MILLRACE_TABLES_URL.optional(),
  MILLRACE_S3_FORCE_PATH_STYLE: settingShapes.MILLRACE_S3_FORCE_PATH_STYLE,
  MILLRACE_METASTORE_URL: settingShapes.MILLRACE_METASTORE_URL,
  MILLRACE_STATE_DIR: settingShapes.MILLRACE_STATE_DIR,
  MILLRACE_GROUP_PREFIX: settingShapes.MILLRACE_GROUP_PREFIX,
  MILLRACE_GROUP_PROTOCOL: settingShapes.MILLRACE_GROUP_PROTOCOL,
  MILLRACE_ANNOUNCEMENTS_TOPIC: settingShapes.MILLRACE_ANNOUNCEMENTS_TOPIC,
  MILLRACE_ANNOUNCEMENTS_PARTITIONS: settingShapes.MILLRACE_ANNOUNCEMENTS_PARTITIONS,
  MILLRACE_LISTEN: settingShapes.MILLRACE_LISTEN,
  MILLRACE_ADMIN_PORT: adminPort(9101),
  MILLRACE_METRICS_PARTITIONS: settingShapes.MILLRACE_METRICS_PARTITIONS,
  LOG_LEVEL: settingShapes.LOG_LEVEL,
  MILLRACE_SEAL_BYTES: settingShapes.MILLRACE_SEAL_BYTES,
  MILLRACE_SEAL_INTERVAL_MS: settingShapes.MILLRACE_SEAL_INTERVAL_MS,
  MILLRACE_BUFFER_BYTES_MAX: settingShapes.MILLRACE_BUFFER_BYTES_MAX,
  MILLRACE_SESSION_TIMEOUT_MS: settingShapes.MILLRACE_SESSION_TIMEOUT_MS,
  MILLRACE_STALL_TIMEOUT_MS: settingShapes.MILLRACE_STALL_TIMEOUT_MS,
});
export type Phase1Settings = z.output<typeof phase1Settings>;

/** Reads and checks the environment. @throws kind `invalid` naming every problem; nested roots as `requireSeparateRoots` */
export function readPhase1Settings(env: Readonly<Record<string, string | undefined>>): Phase1Settings {
  const settings = readSettings(phase1Settings, env);
  if (settings.MILLRACE_TABLES_URL !== undefined) requireSeparateRoots(settings.MILLRACE_RAW_URL, settings.MILLRACE_TABLES_URL);
  return settings;
}
