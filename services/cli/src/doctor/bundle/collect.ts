import { describeError } from '@millrace/core/domain/errors.ts';
import type { AuditRow, MetastoreClient } from '@millrace/metastore/client/client.ts';
import { sideBySide } from '../../side-by-side.ts';

/** Newest rows of the audit that are kept; pages that are read at most to find them. */
const auditRowsMax = 500;
const auditPage = 500;
const auditPagesMax = 200;
/** Each service may take so long, ms, and say so much, bytes. */
const serviceMs = 5_000;
const answerBytesMax = 8 * 2 ** 20;
/** Admin ports of a deployment on one machine, when no address is given. */
const usualServices = ['http://127.0.0.1:9100', 'http://127.0.0.1:9101', 'http://127.0.0.1:9102'];

/** A file of the bundle: where it lies in it, and its text before secrets are taken out. */
export type BundleFile = { path: string; text: string };

const json = (value: unknown) =>
  `${JSON.stringify(value, (_name, member) => (typeof member === 'bigint' ? member.toString() : member), 2)}\n`;

/** What a source gives, or why it gave nothing: a bundle is made in bad times, and one party that is away must not cost the rest. */
async function tried(path: string, work: () => Promise<string>): Promise<BundleFile> {
  try {
    return { path, text: await work() };
  } catch (error) {
    return { path: `${path}.failed.txt`, text: `${describeError(error)}\n` };
  }
}

/** Datasets with their status, reconciliation and open losses, and the end of the audit. Never rejects. */
export async function metastoreFiles(client: MetastoreClient): Promise<BundleFile[]> {
  const names = await client.datasets().then(
    (datasets) => datasets.map(({ name }) => name),
    () => [],
  );
  const ofDatasets = sideBySide(names, (name) =>
    Promise.all([
      tried(`datasets/${name}/status.json`, async () => json(await client.status(name))),
      tried(`datasets/${name}/reconciliation.json`, async () => json(await client.reconciliation(name))),
      tried(`datasets/${name}/gaps.json`, async () => json(await client.gaps(name))),
    ]),
  );
  // configurations of transforms may hold anything, so only what says how a dataset is set up
  const list = tried('datasets.json', async () =>
    json(
      (await client.datasets()).map(({ transforms, transformJars, ...dataset }) => ({
        ...dataset,
        transforms: transforms.length,
        transformJars: transformJars.length,
      })),
    ),
  );
  const audit = tried('audit.json', async () => json(await auditTail(client)));
  return [await list, ...(await ofDatasets).flat(), await audit];
}

async function auditTail(client: MetastoreClient): Promise<AuditRow[]> {
  let rows: AuditRow[] = [];
  for (let page = 0, after = '0'; page < auditPagesMax; page++) {
    const more = await client.audit({ after, limit: auditPage });
    rows = [...rows, ...more].slice(-auditRowsMax);
    const last = more.at(-1);
    if (last === undefined || more.length < auditPage) break;
    after = last.id;
  }
  return rows;
}

/** Health, version and metrics of services by their admin addresses. Never rejects. @param urls empty: the usual ports of this machine */
export async function serviceFiles(urls: readonly string[]): Promise<BundleFile[]> {
  const asked = urls.length > 0 ? urls : usualServices;
  const files = asked.flatMap((url) => {
    const base = url.replace(/\/+$/, '');
    const folder = `services/${base.replace(/^https?:\/\//, '').replace(/[^A-Za-z0-9.-]+/g, '_')}`;
    return [
      tried(`${folder}/health.json`, () => textOf(`${base}/health`)),
      tried(`${folder}/version.json`, () => textOf(`${base}/version`)),
      tried(`${folder}/metrics.txt`, () => textOf(`${base}/metrics`)),
    ];
  });
  return Promise.all(files);
}

async function textOf(url: string): Promise<string> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(serviceMs) });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > answerBytesMax) break;
  }
  const text = Buffer.concat(chunks).toString('utf8', 0, answerBytesMax);
  return bytes > answerBytesMax ? `${text}\n… cut\n` : text;
}
