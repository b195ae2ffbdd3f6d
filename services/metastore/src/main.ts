import { createLogger } from '@millrace/core/adapters/admin/logger.ts';
import { createRegistry, type HttpServer, listenHttp, startAdminServer } from '@millrace/core/adapters/admin/server.ts';
import { describeError } from '@millrace/core/domain/errors.ts';
import { printableSettings, readSettings } from '@millrace/core/domain/settings.ts';
import { config } from './config.ts';
import { keepCounting } from './dataset-counts.ts';
import { metastoreApp } from './http/app.ts';
import { createMetrics, type DocumentedPaths } from './http/metrics.ts';
import { openApiDocument } from './http/openapi.ts';
import { acceptanceStore } from './store/acceptances.ts';
import { auditStore } from './store/audit.ts';
import { openDatabase } from './store/database.ts';
import { datasetStore } from './store/datasets.ts';
import { reportStore } from './store/reports.ts';

async function main(): Promise<void> {
  const settings = readSettings(config, process.env);
  const log = createLogger('metastore', settings.LOG_LEVEL);
  log.info({ settings: printableSettings(config, settings) }, 'effective configuration');
  const { registry, build } = createRegistry('metastore');
  const metrics = createMetrics(registry, openApiDocument().paths as DocumentedPaths);
  const database = openDatabase(settings.DATABASE_URL, { log, onChange: metrics.databaseUp });
  const health = { registry, build, checks: () => [database.check()] };
  const servers: HttpServer[] = [];
  const ended = new AbortController();

  let stopping: Promise<void> | undefined;
  async function stop(code: number): Promise<void> {
    ended.abort();
    await Promise.all([...servers.map((server) => server.close()), database.close()]);
    log.info('stopped');
    process.exit(code);
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (stopping !== undefined) process.exit(1);
      log.info({ signal }, 'stopping: open requests are answered first');
      stopping = stop(0);
    });

  try {
    const store = { ...datasetStore(database), ...acceptanceStore(database), ...auditStore(database), ...reportStore(database) };
    const app = metastoreApp({
      ...health,
      store,
      observe: metrics.observe,
      log,
    });
    const api = await listenHttp(app, { listen: settings.MILLRACE_LISTEN, port: settings.PORT, variable: 'PORT', log });
    servers.push(api);
    servers.push(await startAdminServer({ ...health, listen: settings.MILLRACE_LISTEN, port: settings.MILLRACE_ADMIN_PORT, log }));
    log.info({ url: api.url, docs: `${api.url}/docs` }, 'the API is served');
    void keepCounting(store, { show: metrics.datasets, signal: ended.signal, log });
    await database.keep();
  } catch (error) {
    log.fatal({ err: error }, 'the metastore cannot go on');
    await stop(1);
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`metastore: ${describeError(error)}\n`);
  process.exit(1);
});
