import { escapeName, unescapeName } from '@millrace/core/domain/column-names.ts';
import type { Column, ColumnType, TableSchema, UndecidedField } from '@millrace/core/domain/table-schema.ts';
import { type Conflict, contradictions, decideType } from './decide-type.ts';
import type { Evidence, FieldEvidence, Position } from './evidence.ts';
import { comparePositions, firstSeen } from './evidence-join.ts';
import { schemaFieldsMax } from './limits.ts';
import { newOwnColumns, ownNames, type PartitionKey, parsePartitionKeys } from './own-columns.ts';
import { elementSegment, pathSegment, pathText } from './paths.ts';
import type { SchemaChange, SchemaDifference, SourceOffset } from './schema-change.ts';
import { type SchemaNode, schemaTree } from './schema-tree.ts';
import { typeText } from './type-text.ts';

/**
 * Compares what records hold with a table's schema and decides what becomes of the schema. Pure.
 * New fields become nullable columns behind the others of their struct, in the order of first appearance, and at the top before our own columns. A column's type never changes.
 * @param schema `columns: []` before the table exists: the change is then `INITIAL` (or BREAKING), and own columns come with it
 * @param partitionKeys as configured; must be those the table was made with
 * @throws kind `invalid`, code `partition_key_invalid`
 * @see design section 4, R7, R9, R11; docs/formats/table.md sections 3 to 5
 */
export function classifyChange(schema: TableSchema, evidence: Evidence, partitionKeys: readonly string[]): SchemaChange {
  const keys = parsePartitionKeys(partitionKeys);
  const isInitial = schema.columns.length === 0;
  const evolution = new Evolution(schema.maxFieldId);
  const own = schema.columns.filter((column) => column.origin !== 'data');
  const data = schema.columns.filter((column) => column.origin === 'data');
  const columns = evolution.struct(data, schemaTree(schema, keys), evidence.root, [], ownNames(keys));
  let undecided = evolution.undecided;
  if (isInitial) {
    for (const key of keys)
      if (key.kind === 'field' && evolution.addTextColumn(columns, key, ownNames(keys)))
        undecided = undecided.filter((field) => field.path[0] !== pathSegment(key.name));
    own.push(...newOwnColumns(keys, () => evolution.nextFieldId()));
  }
  const newSchema: TableSchema = {
    columns: [...columns, ...own],
    partitionColumns: isInitial
      ? keys.map((key) =>
          key.kind === 'field' ? (columns.find((column) => unescapeName(column.name) === key.name) as Column).name : key.column,
        )
      : schema.partitionColumns,
    undecided,
    maxFieldId: evolution.maxFieldId,
  };
  if (evidence.overflow !== undefined || countFields(newSchema.columns) + undecided.length > schemaFieldsMax)
    evolution.breaking.push({
      path: '',
      from: null,
      to: `more than ${schemaFieldsMax} fields`,
      types: [],
      firstOffset: sourceOffset(evidence.overflow ?? evolution.lastNew),
    });
  if (evolution.breaking.length > 0) return { kind: 'BREAKING', newSchema: schema, diff: evolution.breaking };
  if (isInitial) return { kind: 'INITIAL', newSchema, diff: evolution.added };
  if (evolution.added.length > 0) return { kind: 'NON_BREAKING', newSchema, diff: evolution.added };
  return { kind: 'NONE', newSchema: schema, diff: [] };
}

class Evolution {
  maxFieldId: number;
  readonly undecided: UndecidedField[] = [];
  readonly added: SchemaDifference[] = [];
  readonly breaking: SchemaDifference[] = [];
  lastNew: Position | undefined;

  constructor(maxFieldId: number) {
    this.maxFieldId = maxFieldId;
  }

  nextFieldId(): number {
    this.maxFieldId++;
    return this.maxFieldId;
  }

  /** Members of a struct: those there are, in their order, then new ones in the order of first appearance. */
  struct(
    existing: readonly Column[],
    node: SchemaNode | undefined,
    evidence: FieldEvidence | undefined,
    path: string[],
    ownTaken: ReadonlySet<string>,
  ): Column[] {
    const taken = new Set([...ownTaken, ...existing.map((column) => column.name.toLowerCase())]);
    const known = new Set<string>();
    const columns = existing.map((column): Column => {
      const name = unescapeName(column.name);
      known.add(name);
      const segments = [...path, pathSegment(name)];
      return { ...column, type: this.column(column.type, node?.fields.get(name) as SchemaNode, evidence?.fields.get(name), segments) };
    });
    for (const name of this.newNames(known, node, evidence)) {
      const seen = evidence?.fields.get(name);
      const type = this.field(node?.fields.get(name), seen, [...path, pathSegment(name)]);
      if (type === undefined) continue;
      const column = escapeName(name, (candidate) => taken.has(candidate));
      taken.add(column.toLowerCase());
      columns.push({ name: column, type, fieldId: this.nextFieldId(), origin: 'data' });
    }
    return columns;
  }

  /** R9: a partition field that is still undecided when the table is made becomes text. */
  addTextColumn(columns: Column[], key: PartitionKey & { kind: 'field' }, ownTaken: ReadonlySet<string>): boolean {
    if (columns.some((column) => unescapeName(column.name) === key.name)) return false;
    const taken = new Set([...ownTaken, ...columns.map((column) => column.name.toLowerCase())]);
    columns.push({
      name: escapeName(key.name, (candidate) => taken.has(candidate)),
      type: { kind: 'string' },
      fieldId: this.nextFieldId(),
      origin: 'data',
      scalarsAsText: true,
    });
    return true;
  }

  private newNames(known: ReadonlySet<string>, node: SchemaNode | undefined, evidence: FieldEvidence | undefined): string[] {
    const remembered = [...(node?.fields.keys() ?? [])].filter((name) => !known.has(name) && evidence?.fields.has(name) !== true);
    const seen = [...(evidence?.fields ?? [])]
      .filter(([name]) => !known.has(name))
      .map(([name, field]) => ({ name, first: firstSeen(field) as Position }));
    return [...remembered, ...seen.sort((a, b) => comparePositions(a.first, b.first)).map(({ name }) => name)];
  }

  private column(type: ColumnType, node: SchemaNode, evidence: FieldEvidence | undefined, path: string[]): ColumnType {
    if (evidence !== undefined) this.conflict(typeText(type), contradictions(node, evidence), path);
    if (type.kind === 'struct') return { kind: 'struct', fields: this.struct(type.fields, node, evidence, path, new Set()) };
    if (type.kind === 'list')
      return { ...type, element: this.column(type.element, node.element as SchemaNode, evidence?.element, [...path, elementSegment]) };
    return type;
  }

  /** A field without a column: its type, or undefined while it is undecided. */
  private field(node: SchemaNode | undefined, evidence: FieldEvidence | undefined, path: string[]): ColumnType | undefined {
    const decision = decideType(node, evidence);
    const position = evidence === undefined ? undefined : firstSeen(evidence);
    this.conflict(fromText(node, decision.type), decision.conflict, path);
    // a type of its own stands in the diff once; what lies inside a new field goes with it
    const mark = { undecided: this.undecided.length, added: this.added.length };
    const type = this.typeFor(decision.type, node, evidence, path);
    if (type === undefined) {
      this.stayUndecided(node, evidence, path, mark.undecided);
      return undefined;
    }
    this.added.length = mark.added;
    this.lastNew = position ?? this.lastNew;
    this.added.push({
      path: pathText(path),
      from: node !== undefined && node.seen.size > 0 ? 'undecided' : null,
      to: typeText(type),
      types: [],
      firstOffset: sourceOffset(position),
    });
    return type;
  }

  private typeFor(
    decided: ReturnType<typeof decideType>['type'],
    node: SchemaNode | undefined,
    evidence: FieldEvidence | undefined,
    path: string[],
  ): ColumnType | undefined {
    const shape = decided === 'undecided' ? rememberedShape(node) : decided;
    if (shape === 'struct') {
      const fields = this.struct([], node, evidence, path, new Set());
      return fields.length === 0 ? undefined : { kind: 'struct', fields };
    }
    if (shape === 'list') {
      if (node?.element === undefined && evidence?.element === undefined) return undefined;
      const element = this.field(node?.element, evidence?.element, [...path, elementSegment]);
      return element === undefined ? undefined : { kind: 'list', element, elementFieldId: this.nextFieldId() };
    }
    return shape === undefined ? undefined : { kind: shape };
  }

  private stayUndecided(node: SchemaNode | undefined, evidence: FieldEvidence | undefined, path: string[], at: number): void {
    const empties = (['null', 'emptyList', 'emptyObject'] as const).filter(
      (kind) => node?.seen.has(kind) || evidence?.kinds[kind] !== undefined,
    );
    if (empties.length === 0) return;
    this.undecided.splice(at, 0, { path, seen: empties });
    const isNews = node === undefined || node.seen.size === 0 || empties.some((kind) => kind !== 'null' && !node.seen.has(kind));
    if (isNews)
      this.added.push({
        path: pathText(path),
        from: null,
        to: 'undecided',
        types: [],
        firstOffset: sourceOffset(evidence === undefined ? undefined : firstSeen(evidence)),
      });
  }

  private conflict(from: string, conflict: Conflict | undefined, path: string[]): void {
    if (conflict === undefined) return;
    this.breaking.push({
      path: pathText(path),
      from,
      to: conflict.misfits.join(' or '),
      types: conflict.types,
      firstOffset: sourceOffset(conflict.first),
    });
  }
}

/** What an undecided field is known to be by what lies below it. */
function rememberedShape(node: SchemaNode | undefined): 'struct' | 'list' | undefined {
  if (node === undefined) return undefined;
  if (node.fields.size > 0) return 'struct';
  return node.element === undefined ? undefined : 'list';
}

/** What a field without a column is contradicted in: its type, for as long as nothing was remembered of it. */
function fromText(node: SchemaNode | undefined, decided: string): string {
  if (node?.scalarOnly === true) return decided === 'undecided' ? 'a scalar to partition by' : decided;
  return [...(node?.seen ?? [])].filter((kind) => kind !== 'null').join(' or ') || decided;
}

function sourceOffset(position: Position | undefined): SourceOffset | undefined {
  return position === undefined ? undefined : { topicId: position.topicId, partition: position.partition, offset: position.offset };
}

function countFields(columns: readonly Column[]): number {
  const ofType = (type: ColumnType): number =>
    type.kind === 'struct' ? countFields(type.fields) : type.kind === 'list' ? 1 + ofType(type.element) : 0;
  return columns.reduce((sum, column) => sum + 1 + ofType(column.type), 0);
}
