import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseDockerfile } from '../../../dev/deploy/dockerfile.ts';
import { heaviest, IMAGE_BYTES_MAX, sizeOf } from '../../../dev/deploy/image-size.ts';
import { buildNatively, type NativeImage } from '../../../dev/deploy/native-build.ts';
import { isRoot, openToAll, root, which } from '../../../dev/setup/paths.mjs';
import type { Part } from '../../../dev/stack/part.ts';
import { freePort } from '../../../dev/stack/ports.ts';
import { freshBucket, freshDatabase, freshDirectory, kafkaBrokers, uniqueName } from '../../support/stack.ts';
import { entryPart, type Place, runEntry } from '../entry.ts';

/*
 * The Dockerfile without an engine: every step of it runs in a clean folder, and what comes out is started, as the image's user where we are root.
 */

/** The image's user. */
const USER = 10_001;
const RECORDS = 400;
const SERVICES = ['metastore', 'phase1', 'phase2'] as const;

let into: string;
let image: NativeImage;
let place: Place;

beforeAll(async () => {
  into = mkdtempSync(join(tmpdir(), 'millrace-image-'));
  chmodSync(into, 0o755);
  image = await buildNatively({ root, into, say: (line) => void process.stderr.write(`${line}\n`) });
  // another user may not reach a Node that lies in a closed home
  const node = openToAll(process.execPath) ? process.execPath : join(into, 'node');
  if (node !== process.execPath) copyFileSync(process.execPath, node);
  chmodSync(node, 0o755);
  const user = isRoot() ? { user: { uid: USER, gid: USER } } : {};
  place = { node, entry: image.entrypoint[1] ?? '', cwd: image.workdir, env: image.env, ...user };
});

afterAll(() => rmSync(into, { recursive: true, force: true }));

test('every step ran, but for those that only root may take', () => {
  if (isRoot() && which('apt-get')) expect(image.left).toEqual([]);
  for (const step of image.left) expect(step).toMatch(/only root|no apt-get/);
});

test('production packages and code are below 150 MB, without tests, tools and development packages', () => {
  const { bytes, blockBytes } = sizeOf(image.workdir);
  expect(bytes, JSON.stringify(heaviest(image.workdir, 8))).toBeLessThan(IMAGE_BYTES_MAX);
  expect(blockBytes).toBeLessThan(IMAGE_BYTES_MAX);
  expect(readdirSync(image.workdir).sort()).toEqual(['LICENSE', 'deploy', 'node_modules', 'package.json', 'services']);
  expect(readdirSync(join(image.workdir, 'deploy'))).toEqual(['entrypoint.mjs']);
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { devDependencies: Record<string, string> };
  for (const name of ['typescript', 'vitest', '@biomejs/biome']) {
    expect(devDependencies).toHaveProperty([name]);
    expect(existsSync(join(image.workdir, 'node_modules', name)), name).toBe(false);
  }
  for (const service of readdirSync(join(image.workdir, 'services')))
    expect(existsSync(join(image.workdir, 'services', service, 'test')), service).toBe(false);
});

/** Elsewhere the same libraries may be in packages of other names. */
const likeTheImage = existsSync('/etc/os-release') && /^VERSION_CODENAME=bookworm$/m.test(readFileSync('/etc/os-release', 'utf8'));

test.runIf(likeTheImage && which('readelf'))('every system library that the addon links to is installed in the last stage', () => {
  const build = join(image.workdir, 'node_modules/@confluentinc/kafka-javascript/build');
  const files = ['Release', 'deps'].flatMap((part) => readdirSync(join(build, part)).map((name) => join(build, part, name)));
  const needed = new Set(
    files.flatMap((file) =>
      [...execFileSync('readelf', ['-d', file], { encoding: 'utf8' }).matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, name]) => name ?? ''),
    ),
  );
  expect(needed).toContain('libssl.so.3');
  const last = parseDockerfile(readFileSync(join(root, 'Dockerfile'), 'utf8')).stages.at(-1);
  const installed = last?.steps.find(({ text }) => text.includes('apt-get install'))?.text.split(/\s+/) ?? [];
  // what Node itself needs is in the base image
  const base = ['libc6', 'libgcc-s1', 'libstdc++6'];
  for (const library of [...needed].filter((name) => !files.some((file) => file.endsWith(`/${name}`)))) {
    const owner = execFileSync('dpkg', ['-S', `*/${library}`], { encoding: 'utf8' }).split(':')[0] ?? '';
    expect([...installed, ...base], `${library} of ${owner}`).toContain(owner);
  }
});

test('what was built migrates, serves, lands, commits, shows rows and proves them; it writes to its state alone and ends when asked', async () => {
  const before = sizeOf(image.workdir);
  const bucket = freshBucket();
  const dataset = uniqueName('orders');
  const database = { DATABASE_URL: await freshDatabase() };
  const ports = {
    api: await freePort(),
    metastore: await freePort(),
    phase1: await freePort(),
    phase2: await freePort(),
  };
  const lake = { ...bucket.env, MILLRACE_RAW_URL: `${bucket.url}/raw`, MILLRACE_TABLES_URL: `${bucket.url}/tables` };
  const workers = {
    ...lake,
    MILLRACE_METASTORE_URL: `http://127.0.0.1:${ports.api}`,
    MILLRACE_GROUP_PREFIX: uniqueName('group'),
    MILLRACE_SEAL_INTERVAL_MS: '500',
    MILLRACE_BATCH_INTERVAL_MS: '1000',
    // tracing is loaded, and a collector that is away troubles nobody
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
    KAFKA_BROKERS: kafkaBrokers(),
  };
  const env = { metastore: { ...database, PORT: String(ports.api) }, phase1: workers, phase2: workers };

  expect(await runEntry(place, ['migrate'], database)).toMatchObject({ code: 0 });
  const dir = freshDirectory('image');
  const states = SERVICES.map((name) => {
    // beside the image: the checkout may be closed to the image's user
    const state = join(into, `state-${name}`);
    mkdirSync(state);
    if (isRoot()) chownSync(state, USER, USER);
    return state;
  });
  const parts: Part[] = SERVICES.map((name, index) => {
    const own = {
      ...env[name],
      MILLRACE_LISTEN: '127.0.0.1',
      MILLRACE_ADMIN_PORT: String(ports[name]),
      MILLRACE_STATE_DIR: states[index] ?? '',
    };
    const isReady = async () => (await runEntry(place, ['ready', name], { MILLRACE_ADMIN_PORT: String(ports[name]) })).code === 0;
    return entryPart(place, { name, dir, args: [name], env: own, isReady });
  });
  try {
    for (const part of parts) await part.start();
    for (const name of SERVICES)
      expect(await runEntry(place, ['live', name], { MILLRACE_ADMIN_PORT: String(ports[name]) })).toMatchObject({ code: 0 });
    const produced = await runEntry(place, ['demo', '--records', String(RECORDS), '--rate', '1000', '--dataset', dataset], {
      KAFKA_BROKERS: workers.KAFKA_BROKERS,
      MILLRACE_METASTORE_URL: workers.MILLRACE_METASTORE_URL,
    });
    expect(produced, produced.stderr).toMatchObject({ code: 0 });
    const rows = await runEntry(place, ['rows', dataset], lake);
    expect(rows.stdout, rows.stderr).toMatch(/^\d{16}\s.*_?/m);
    expect(rows.stdout).toContain('_source_offset');
  } finally {
    for (const part of parts.toReversed()) await part.stop();
  }
  expect(parts.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);

  const { OTEL_EXPORTER_OTLP_ENDPOINT: _, ...cli } = workers;
  const proof = await runEntry(place, ['cli', 'verify', dataset, '--topic', dataset, '--against-kafka'], {
    ...cli,
    MILLRACE_METASTORE_URL: 'http://127.0.0.1:9',
  });
  expect(proof.stdout, proof.stderr).toContain('no difference');
  expect(sizeOf(image.workdir)).toEqual(before);
});
