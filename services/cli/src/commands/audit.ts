import type { AuditRow, MetastoreClient } from '@millrace/metastore/client/client.ts';
import { Command } from 'commander';
import { metastoreOf } from '../metastore.ts';
import { type Cli, run } from '../output/cli.ts';
import { outputOption, type Printed, showPages } from '../output/format.ts';

/** Rows of the audit a page. */
const auditPage = 500;

/** `millrace audit`: every row, oldest first. */
export function auditCommand(cli: Cli): Command {
  return new Command('audit')
    .description('who changed what, and when; oldest first')
    .option('--dataset <name>', 'only of this dataset')
    .addOption(outputOption())
    .action(({ dataset, output }: { dataset?: string } & Printed) =>
      run(cli, async () => {
        await showPages(cli, output, auditPages(metastoreOf(cli.env), dataset), auditText);
        return 0;
      }),
    );
}

async function* auditPages(metastore: MetastoreClient, dataset: string | undefined): AsyncGenerator<AuditRow[]> {
  for (let after = '0'; ; ) {
    const rows = await metastore.audit({ dataset, after, limit: auditPage });
    yield rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < auditPage) return;
    after = last.id;
  }
}

const auditText = (rows: readonly AuditRow[]): string =>
  rows.map((row) => `${row.at}  ${row.action}  ${row.dataset} v${row.version}  ${row.who}  ${JSON.stringify(row.detail)}`).join('\n');
