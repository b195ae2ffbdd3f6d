/** As much of JSON Schema as the API's document has. */
export type Schema = {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly const?: unknown;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
};

/** One member of an object, with the path to it: `partitions[].topicId`. */
export type Member = { readonly path: string; readonly schema: Schema; readonly required: boolean };

/** Offsets are decimal strings on the wire. */
const OFFSET = '^(0|[1-9][0-9]{0,18})$';

/** Name of the component a reference names. Pure. */
export const nameOf = (ref: string): string => ref.slice(ref.lastIndexOf('/') + 1);

/** All members of an object schema, those of objects inside it behind it, at most as deep as the schema is. Pure. */
export function members(schema: Schema, prefix = ''): Member[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => {
    const path = `${prefix}${name}`;
    return [{ path, schema: member, required: schema.required?.includes(name) ?? false }, ...inner(member, path)];
  });
}

function inner(schema: Schema, path: string): Member[] {
  if (schema.properties !== undefined) return members(schema, `${path}.`);
  if (schema.items !== undefined) return inner(schema.items, `${path}[]`);
  if (typeof schema.additionalProperties === 'object') return inner(schema.additionalProperties, `${path}{}`);
  // variants of one object share most members: each path is told once
  const all = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap((one) => inner(one, path));
  return all.filter((member, index) => all.findIndex(({ path: first }) => first === member.path) === index);
}

/** A schema in a few words of Markdown. Pure. */
export function typeText(schema: Schema): string {
  if (schema.$ref !== undefined) return `[${nameOf(schema.$ref)}](#${nameOf(schema.$ref).toLowerCase()})`;
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(', ');
  const variants = schema.anyOf ?? schema.oneOf;
  if (variants !== undefined) return [...new Set(variants.map(typeText))].join(' or ');
  if (schema.items !== undefined) return `list of ${typeText(schema.items)}`;
  if (schema.type === 'object' && typeof schema.additionalProperties === 'object') return `map to ${typeText(schema.additionalProperties)}`;
  if (schema.pattern === OFFSET) return 'offset';
  if (schema.format !== undefined) return schema.format;
  return [schema.type ?? 'anything'].flat().join(' or ');
}
