import { openApiDocument } from '@millrace/metastore/http/openapi.ts';
import { members, type Schema, typeText } from './json-schema.ts';
import { code, GENERATED, page, prose, table } from './markdown.ts';

type Content = Readonly<Record<string, { schema?: Schema }>>;
type Operation = {
  readonly tags?: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly { in: string; name: string; required?: boolean; description?: string; schema: Schema }[];
  readonly requestBody?: { required?: boolean; content: Content };
  readonly responses: Readonly<Record<string, { description: string; content?: Content }>>;
};
type Document = {
  readonly tags: readonly { name: string; description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};

/** `docs/reference/api.md`. Pure. */
export function apiPage(): string {
  const { tags, paths, components } = openApiDocument() as unknown as Document;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ title: `${method.toUpperCase()} ${path}`, operation })),
  );
  return page(
    GENERATED,
    '# API of the metastore',
    'On `MILLRACE_LISTEN` and `PORT`; the OpenAPI 3.1 document itself is at `/openapi.json`, pages to try it at `/docs`. Every path is also served without `/v1`.',
    [
      '* Bodies are JSON. **Offsets are decimal strings**: a JSON number is rounded by many readers above 2^53.',
      '* A refusal is a [problem](#problem) (RFC 9457) with `application/problem+json` and a stable `type`.',
      '* `ETag` is strong; `If-Match` makes a change only to that version (412 otherwise). `Idempotency-Key` makes a POST safe to repeat.',
      '* A list has pages: the `Link` header names the next one.',
      '* There is no authentication yet: see [security](../../SECURITY.md).',
    ].join('\n'),
    ...tags.flatMap(({ name, description }) => [
      `## ${name[0]?.toUpperCase()}${name.slice(1)}`,
      `${prose(description)}.`,
      ...operations
        .filter(({ operation }) => operation.tags?.includes(name))
        .map(({ title, operation }) => operationText(title, operation)),
    ]),
    '## Schemas',
    ...Object.entries(components.schemas).map(([name, schema]) => schemaText(name, schema)),
  );
}

function operationText(title: string, operation: Operation): string {
  const { summary, description, parameters = [], requestBody, responses } = operation;
  const input = parameters.filter(({ in: place }) => place !== 'path');
  return [
    `### ${title}`,
    `${prose(summary)}.${description === undefined ? '' : ` ${prose(description)}`}`,
    ...(input.length === 0
      ? []
      : [
          table(
            ['Parameter', 'In', 'Type', 'Meaning'],
            input.map((one) => [code(one.name), one.in, typeText(one.schema), prose(one.description ?? '')]),
          ),
        ]),
    ...(requestBody === undefined ? [] : [`Body${requestBody.required === true ? '' : ', if any'}: ${contentText(requestBody.content)}.`]),
    table(
      ['Answer', 'Body', 'Meaning'],
      Object.entries(responses).map(([status, { content, description: meaning }]) => [status, contentText(content), prose(meaning)]),
    ),
  ].join('\n\n');
}

function contentText(content: Content | undefined): string {
  return Object.values(content ?? {})
    .map(({ schema }) => (schema === undefined ? '' : typeText(schema)))
    .join(' or ');
}

function schemaText(name: string, schema: Schema): string {
  const rows = members(schema).map(({ path, schema: member, required }) => [
    code(path),
    typeText(member),
    required ? 'yes' : member.default === undefined ? '' : `default ${code(JSON.stringify(member.default))}`,
    prose(member.description ?? ''),
  ]);
  return [
    `### ${name}`,
    ...(schema.description === undefined ? [] : [prose(schema.description)]),
    rows.length === 0 ? typeText(schema) : table(['Member', 'Type', 'Always', 'Meaning'], rows),
  ].join('\n\n');
}
