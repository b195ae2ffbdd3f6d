import { createMetastoreClient } from '@millrace/metastore/client/client.ts';
import { readMetastoreSettings } from './config.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Rows of the audit a page. */
const auditPage = 500;

/** `millrace audit [--dataset NAME]`: every row, oldest first. @param print takes one line */
export async function printAudit(dataset: string | undefined, env: Environment, print: (line: string) => void): Promise<void> {
  const asked = createMetastoreClient(readMetastoreSettings(env).MILLRACE_METASTORE_URL);
  for (let after = '0'; ; ) {
    const rows = await asked.audit({ dataset, after, limit: auditPage });
    for (const row of rows) print(`${row.at}  ${row.action}  ${row.dataset} v${row.version}  ${row.who}  ${JSON.stringify(row.detail)}`);
    const last = rows.at(-1);
    if (last === undefined || rows.length < auditPage) return;
    after = last.id;
  }
}
