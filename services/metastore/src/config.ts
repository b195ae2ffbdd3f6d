import { adminPort, settingShapes } from '@millrace/core/domain/settings.ts';
import { z } from 'zod';

/** Settings of the metastore. */
export const config = z.object({
  DATABASE_URL: settingShapes.DATABASE_URL,
  PORT: settingShapes.PORT,
  MILLRACE_ADMIN_PORT: adminPort(9100),
  MILLRACE_LISTEN: settingShapes.MILLRACE_LISTEN,
  LOG_LEVEL: settingShapes.LOG_LEVEL,
});

/** Settings of a migration that is a step of its own. */
export const migrateConfig = config.pick({ DATABASE_URL: true, LOG_LEVEL: true });
