import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { assigned, parseDockerfile, type Stage } from '../../../dev/deploy/dockerfile.ts';
import { root } from '../../../dev/setup/paths.mjs';
import type { Part } from '../../../dev/stack/part.ts';
import { freePort } from '../../../dev/stack/ports.ts';
import { freshBucket, freshDatabase, freshDirectory, kafkaBrokers, uniqueName } from '../../support/stack.ts';
import { type ComposeService, isOurs, readCompose } from '../compose.ts';
import { entryPart, type Place, runEntry } from '../entry.ts';

/*
 * The profile `demo` without an engine: each service of ours with the environment that docker-compose.yml gives it, in the order its depends_on
 * tells, told ready by its own health check. Only the names of containers, the bucket and the ports are replaced by those of the test's stack.
 */

const compose = readCompose();
const dir = freshDirectory('compose-demo');
const running: { name: string; part: Part }[] = [];

afterAll(async () => {
  for (const { part } of running.toReversed()) await part.stop();
});

/** Where a container's name and port lead to on this machine, as text that replaces them in values. */
async function addresses(bucket: ReturnType<typeof freshBucket>): Promise<[string, string][]> {
  const database = new URL(await freshDatabase());
  const composeUrl = compose.services.metastore?.environment?.DATABASE_URL ?? '';
  return [
    [composeUrl, database.href],
    ['kafka:9092', kafkaBrokers()],
    ['s3:7070', new URL(bucket.env.AWS_ENDPOINT_URL_S3 ?? '').host],
    ['metastore:8080', `127.0.0.1:${await freePort()}`],
    ['s3://millrace/', `${bucket.url}/`],
  ];
}

/** Services of ours in an order in which each comes after what it depends on. */
function inOrder(): [string, ComposeService][] {
  const ours = Object.entries(compose.services).filter(([, service]) => isOurs(service) && service.profiles?.includes('demo'));
  const names = new Set(ours.map(([name]) => name));
  const done: [string, ComposeService][] = [];
  while (done.length < ours.length) {
    const next = ours.find(
      ([name, { depends_on = {} }]) =>
        !done.some(([each]) => each === name) &&
        Object.keys(depends_on).every((target) => !names.has(target) || done.some(([each]) => each === target)),
    );
    if (next === undefined) throw new Error('the services of the profile wait for each other');
    done.push(next);
  }
  return done;
}

test('the profile demo shows rows in a table, with nothing but what docker-compose.yml says', async () => {
  const bucket = freshBucket();
  const replaced = await addresses(bucket);
  const here = (text: string) => replaced.reduce((value, [from, to]) => value.replaceAll(from, to), text);
  const final = parseDockerfile(readFileSync(join(root, 'Dockerfile'), 'utf8')).stages.at(-1) as Stage;
  const image = { ...assigned(final, 'ENV'), HOME: dir, MILLRACE_LISTEN: '127.0.0.1', MILLRACE_STATE_DIR: join(dir, 'state') };
  const place: Place = { node: process.execPath, entry: join(root, 'deploy/entrypoint.mjs'), cwd: dir, env: image };
  const group = { MILLRACE_GROUP_PREFIX: uniqueName('group') };
  const environmentOf = ({ environment = {} }: ComposeService) =>
    Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, here(value)]));

  const ended: Record<string, string> = {};
  for (const [name, service] of inOrder()) {
    const args = service.command ?? [];
    const env = { ...environmentOf(service), ...group };
    const own: Record<string, string> =
      name === 'metastore' ? { PORT: here('metastore:8080').split(':')[1] ?? '' } : ({} as Record<string, string>);
    const admin = { MILLRACE_ADMIN_PORT: String(await freePort()) };
    if (service.restart === 'no') {
      const ending = await runEntry(place, args, env);
      expect(ending, `${name}: ${ending.stderr}`).toMatchObject({ code: 0 });
      ended[name] = ending.stdout;
    } else {
      const [kind, , entry, ...check] = service.healthcheck?.test ?? [];
      if (kind !== undefined) expect([kind, entry]).toEqual(['CMD', '/app/deploy/entrypoint.mjs']);
      const isReady = async () => check.length === 0 || (await runEntry(place, check, admin)).code === 0;
      const part = entryPart(place, { name, dir, args, env: { ...env, ...own, ...(kind === undefined ? {} : admin) }, isReady });
      running.push({ name, part });
      await part.start();
    }
  }
  expect(running.map(({ name }) => name)).toEqual(['metastore', 'phase1', 'phase2', 'producer']);
  expect(ended.rows).toContain('_source_offset');
  expect(ended.rows?.split('\n').filter((line) => /^\d{16}\s/.test(line)).length).toBe(5);

  // and the command line, as `docker compose run --rm cli verify orders --against-kafka`
  await running.at(-1)?.part.stop();
  const cli = compose.services.cli as ComposeService;
  expect(cli.entrypoint).toEqual(['node', '/app/deploy/entrypoint.mjs', 'cli']);
  const proof = await runEntry(place, ['cli', 'verify', 'orders', '--against-kafka'], { ...environmentOf(cli), ...group });
  expect(proof.stdout, proof.stderr).toContain('no difference');
  expect(proof.code).toBe(0);
});
