import { unescapeName } from '@millrace/core/domain/column-names.ts';
import type { Column, ColumnType, ScalarType, TableSchema } from '@millrace/core/domain/table-schema.ts';
import type { SeenKind } from './evidence.ts';
import type { PartitionKey } from './own-columns.ts';
import { elementSegment } from './paths.ts';

/**
 * A table schema as records see it: by JSON field name, with the undecided fields in their places.
 * `undecided` has no column; what it was seen as restricts what may come (R11).
 */
export type SchemaNode = {
  kind: ScalarType | 'struct' | 'list' | 'undecided';
  /** undecided nodes: what was seen, `struct` and `list` when something undecided lies below */
  seen: Set<SeenKind>;
  /** a text column of a partition key: takes every scalar as its JSON text, and empties as null (R9) */
  scalarsAsText: boolean;
  /** the field of a partition key: only scalars can be partitioned by */
  scalarOnly: boolean;
  fields: Map<string, SchemaNode>;
  element: SchemaNode | undefined;
};

/** The data columns of a schema as a tree, with the fields that partition keys name. Pure. */
export function schemaTree(schema: TableSchema, keys: readonly PartitionKey[]): SchemaNode {
  const root = node('struct');
  for (const column of schema.columns) if (column.origin === 'data') root.fields.set(unescapeName(column.name), fromColumn(column));
  for (const field of schema.undecided) {
    let at = root;
    for (const segment of field.path) {
      const isElement = segment === elementSegment;
      if (at.kind === 'undecided') at.seen.add(isElement ? 'list' : 'struct');
      const name = unescapeName(segment);
      let next = isElement ? at.element : at.fields.get(name);
      if (next === undefined) {
        next = node('undecided');
        if (isElement) at.element = next;
        else at.fields.set(name, next);
      }
      at = next;
    }
    for (const kind of field.seen) at.seen.add(kind);
  }
  for (const key of keys)
    if (key.kind === 'field' || key.kind === 'nested') markScalarOnly(root, key.kind === 'field' ? [key.name] : key.path);
  return root;
}

/** Kinds of values a node takes without a change of type; for undecided nodes, those that agree with what was seen. Pure. */
export function acceptedKinds(at: SchemaNode): ReadonlySet<SeenKind> {
  if (at.scalarsAsText) return textKinds;
  if (at.kind !== 'undecided') return kindsOfType[at.kind];
  if (at.scalarOnly) return textKinds;
  if (at.seen.has('emptyList') || at.seen.has('list')) return kindsOfType.list;
  if (at.seen.has('emptyObject') || at.seen.has('struct')) return kindsOfType.struct;
  return anyKind;
}

const kindsOfType: Record<ScalarType | 'struct' | 'list', ReadonlySet<SeenKind>> = {
  boolean: new Set(['null', 'boolean']),
  long: new Set(['null', 'long']),
  double: new Set(['null', 'long', 'double']),
  string: new Set(['null', 'string']),
  struct: new Set(['null', 'emptyObject', 'struct']),
  list: new Set(['null', 'emptyList', 'list']),
};
const textKinds: ReadonlySet<SeenKind> = new Set(['null', 'emptyList', 'emptyObject', 'boolean', 'long', 'double', 'string']);
const anyKind: ReadonlySet<SeenKind> = new Set([
  'null',
  'emptyList',
  'emptyObject',
  'boolean',
  'long',
  'double',
  'string',
  'struct',
  'list',
]);

function node(kind: SchemaNode['kind']): SchemaNode {
  return { kind, seen: new Set(), scalarsAsText: false, scalarOnly: false, fields: new Map(), element: undefined };
}

function markScalarOnly(root: SchemaNode, path: readonly string[]): void {
  let at = root;
  for (const name of path) {
    if (at.kind !== 'struct' && at.kind !== 'undecided') return;
    let next = at.fields.get(name);
    if (next === undefined) {
      next = node('undecided');
      at.fields.set(name, next);
    }
    at = next;
  }
  at.scalarOnly = true;
}

function fromColumn(column: Column): SchemaNode {
  const at = fromType(column.type);
  at.scalarsAsText = column.scalarsAsText === true;
  return at;
}

function fromType(type: ColumnType): SchemaNode {
  const at = node(type.kind as SchemaNode['kind']);
  if (type.kind === 'struct') for (const field of type.fields) at.fields.set(unescapeName(field.name), fromColumn(field));
  if (type.kind === 'list') at.element = fromType(type.element);
  return at;
}
