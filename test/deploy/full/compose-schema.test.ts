import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { ensureComposeSpec } from '../../../dev/setup/compose.mjs';
import { composeSpec, root } from '../../../dev/setup/paths.mjs';
import { freshDirectory } from '../../support/stack.ts';
import { readCompose } from '../compose.ts';

/*
 * The Compose specification's own word: its JSON Schema, and the loader that Docker Compose reads files with (interpolation, merges, references,
 * consistency). No engine is needed for either.
 */

const execute = promisify(execFile);
const load = (file = join(root, 'docker-compose.yml')) => execute(join(composeSpec, 'load'), ['-format', 'json', file], { cwd: root });

beforeAll(ensureComposeSpec);

test('the file is valid by the JSON Schema of the specification', () => {
  const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }));
  // formats of the specification's own that JSON Schema leaves to the reader; the loader below checks their content
  for (const format of ['ports', 'expose', 'subnet_ip_address']) ajv.addFormat(format, true);
  ajv.addFormat('duration', /^([0-9]+(ns|us|ms|s|m|h))+$/);
  const validate = ajv.compile(JSON.parse(readFileSync(join(composeSpec, 'compose-spec.json'), 'utf8')) as object);
  const compose = readCompose();
  expect(validate(compose), JSON.stringify(validate.errors)).toBe(true);
  expect(validate({ services: { one: { image: 'x:1', depends: ['two'] } } })).toBe(false);
});

test('the loader takes it, with every service', async () => {
  const { services } = JSON.parse((await load()).stdout) as { services: object };
  expect(Object.keys(services).sort()).toEqual(Object.keys(readCompose().services).sort());
});

test('the loader refuses a file with a variable that must be set, and one with a member that is none', async () => {
  const spoilt = async (change: object) => {
    const compose = readCompose();
    Object.assign(compose.services.phase1 ?? {}, change);
    const file = join(freshDirectory('compose'), 'docker-compose.yml');
    writeFileSync(file, stringify(compose));
    return load(file);
  };
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Compose
  await expect(spoilt({ image: '${NOBODY_SETS_THIS:?is not set}' })).rejects.toThrow('NOBODY_SETS_THIS');
  await expect(spoilt({ depends: ['kafka'] })).rejects.toThrow('depends');
});
