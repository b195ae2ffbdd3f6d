import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { kubernetesSchemas } from '../../../dev/setup/paths.mjs';
import { type KubernetesObject, nameOf } from '../kubernetes-objects.ts';

/** A JSON Schema as far as we change it. */
type Schema = { properties?: Record<string, Schema>; items?: Schema; additionalProperties?: boolean | Schema } & Record<string, unknown>;
type CustomKind = { spec: { group: string; names: { kind: string }; versions: { name: string; schema: { openAPIV3Schema: Schema } }[] } };

const definitions = '/api/_definitions.json';

/** Go's `(?i)` before a pattern is a flag here. `code` is what Ajv wants to know it by. */
const goRegExp = Object.assign(
  (pattern: string, flags: string) =>
    pattern.includes('(?i)') ? new RegExp(pattern.replace('(?i)', ''), `${flags}i`) : new RegExp(pattern, flags),
  { code: 'new RegExp' },
);

/** Checks objects against the schemas of one release of Kubernetes and of the operators' kinds; members nobody knows are refused, as the API would drop them in silence. */
export class KubernetesSchemas {
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false, code: { regExp: goRegExp } });
  readonly #folder: string;
  readonly #custom = new Map<string, Schema>();
  readonly #known = new Map<string, ValidateFunction>();

  /** @param release such as `1.30`, one that the set-up brings */
  constructor(release: string) {
    this.#folder = join(kubernetesSchemas(), release);
    this.#ajv.addSchema(JSON.parse(readFileSync(join(this.#folder, '_definitions.json'), 'utf8')) as object, definitions);
    const custom = join(kubernetesSchemas(), 'custom');
    for (const name of readdirSync(custom)) {
      const { spec } = parse(readFileSync(join(custom, name), 'utf8')) as CustomKind;
      for (const version of spec.versions)
        this.#custom.set(`${spec.group}/${version.name} ${spec.names.kind}`, closed(version.schema.openAPIV3Schema, true));
    }
  }

  /** @returns what is wrong, in words; an object of a kind that has no schema is wrong too */
  problems(object: KubernetesObject): string[] {
    const validate = this.#validator(object);
    if (validate === undefined) return [`${nameOf(object)}: no schema for ${object.apiVersion} ${object.kind}`];
    validate(object);
    return (validate.errors ?? []).map(
      (error: ErrorObject) => `${nameOf(object)}: ${error.instancePath} ${error.message} ${JSON.stringify(error.params)}`,
    );
  }

  #validator({ apiVersion, kind }: KubernetesObject): ValidateFunction | undefined {
    const name = `${apiVersion} ${kind}`;
    const found = this.#known.get(name) ?? this.#compile(name, apiVersion, kind);
    if (found !== undefined) this.#known.set(name, found);
    return found;
  }

  #compile(name: string, apiVersion: string, kind: string): ValidateFunction | undefined {
    const custom = this.#custom.get(name);
    if (custom !== undefined) return this.#ajv.compile(custom);
    const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
    const file = [kind.toLowerCase(), ...(group === '' ? [] : [group?.split('.')[0]]), version].join('-');
    try {
      return this.#ajv.compile(JSON.parse(readFileSync(join(this.#folder, `${file}.json`), 'utf8')) as object);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}

/** The same schema refusing members it does not name, but for maps and what is left open on purpose. Pure. */
function closed(schema: Schema, isRoot = false): Schema {
  const { properties, items, additionalProperties } = schema;
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'] === true || isMetadata(schema);
  return {
    ...schema,
    ...(properties === undefined
      ? {}
      : { properties: Object.fromEntries(Object.entries(properties).map(([name, of]) => [name, closed(of)])) }),
    ...(items === undefined ? {} : { items: closed(items) }),
    ...(typeof additionalProperties === 'object' ? { additionalProperties: closed(additionalProperties) } : {}),
    ...(additionalProperties === undefined && properties !== undefined && !isOpen ? { additionalProperties: false } : {}),
    ...(isRoot ? { required: ['apiVersion', 'kind', 'metadata', 'spec'] } : {}),
  };
}

/** `metadata` is an object without named members in these definitions. */
const isMetadata = ({ type, properties }: Schema) => type === 'object' && properties === undefined;
