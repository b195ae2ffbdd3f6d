import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { arch, loadavg, platform, release, tmpdir, uptime } from 'node:os';
import { dirname, join } from 'node:path';
import type { KafkaProperties } from '@millrace/core/adapters/kafka/properties.ts';
import { MillraceError } from '@millrace/core/domain/errors.ts';
import { createMetastoreClient } from '@millrace/metastore/client/client.ts';
import { create } from 'tar';
import type { Environment } from '../../output/cli.ts';
import type { CheckResult } from '../finding.ts';
import { ownVersion } from '../probe/machine.ts';
import { doctorData, renderDoctor } from '../render.ts';
import { scrub, secretsOf, shownProperties, shownSettings } from '../secrets.ts';
import { readDoctorSettings } from '../settings.ts';
import { type BundleFile, metastoreFiles, serviceFiles } from './collect.ts';

/** Folder in the archive. */
const root = 'millrace-doctor';

/**
 * Writes what somebody else needs to find the fault: the doctor's result, settings without secrets, versions, datasets, health and metrics, the end of the
 * audit. Every file is searched for every secret of the environment before it is written; records are never in it.
 * @param services admin addresses to ask
 * @returns names of the files inside
 * @throws kind `invalid`, code `bundle_not_written`
 */
export async function writeBundle(
  file: string,
  results: readonly CheckResult[],
  { env, properties, services }: { env: Environment; properties: KafkaProperties; services: readonly string[] },
): Promise<string[]> {
  const at = new Date().toISOString();
  const { settings } = readDoctorSettings(env, []);
  const own: BundleFile[] = [
    { path: 'doctor.json', text: pretty(doctorData(results, { at, version: ownVersion, node: process.version })) },
    { path: 'doctor.txt', text: `${renderDoctor(results, (_style, text) => text)}\n` },
    { path: 'settings.json', text: pretty({ environment: shownSettings(env), kafkaProperties: shownProperties(properties) }) },
    {
      path: 'versions.json',
      text: pretty({
        at,
        millrace: ownVersion,
        ...process.versions,
        platform: platform(),
        arch: arch(),
        kernel: release(),
        uptimeSeconds: uptime(),
        load: loadavg(),
      }),
    },
  ];
  const asked = await Promise.all([metastoreFiles(createMetastoreClient(settings.MILLRACE_METASTORE_URL)), serviceFiles(services)]);
  const files = [...own, ...asked.flat()];
  const secrets = secretsOf(env, properties);
  const folder = await mkdtemp(join(tmpdir(), 'millrace-bundle-'));
  try {
    for (const { path, text } of files) {
      const place = join(folder, root, path);
      await mkdir(dirname(place), { recursive: true });
      await writeFile(place, scrub(text, secrets), { mode: 0o600 });
    }
    // what says how things are may still be nobody else's business
    await create({ gzip: true, file, cwd: folder, portable: true, mode: 0o600 }, [root]);
  } catch (cause) {
    throw new MillraceError('invalid', 'bundle_not_written', `the bundle ${file} cannot be written`, {}, cause);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return files.map(({ path }) => path);
}

const pretty = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
