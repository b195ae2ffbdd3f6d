import { type Evidence, type FieldEvidence, type Position, type Sighting, seenKinds } from './evidence.ts';

/** Evidence of no record. */
export function emptyEvidence(): Evidence {
  return { root: emptyField(), fieldCount: 0, overflow: undefined };
}

export function emptyField(): FieldEvidence {
  return { kinds: {}, fields: new Map(), element: undefined };
}

/** Order of first appearance: topic id, partition, offset, then the walk of the record. Pure. */
export function comparePositions(a: Position, b: Position): number {
  if (a.topicId !== b.topicId) return a.topicId < b.topicId ? -1 : 1;
  if (a.partition !== b.partition) return a.partition - b.partition;
  if (a.offset !== b.offset) return a.offset < b.offset ? -1 : 1;
  return a.ordinal - b.ordinal;
}

/** The lower of two positions; undefined is no position. Pure. */
export function lowest(a: Position | undefined, b: Position | undefined): Position | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return comparePositions(a, b) <= 0 ? a : b;
}

/** Joins what two sets of records hold. Pure; commutative, associative, idempotent. */
export function mergeEvidence(a: Evidence, b: Evidence): Evidence {
  const root = mergeField(a.root, b.root);
  return { root, fieldCount: countFields(root), overflow: lowest(a.overflow, b.overflow) };
}

/** The lowest position a field was seen at, as whatever kind. Pure. */
export function firstSeen(field: FieldEvidence): Position | undefined {
  let first: Position | undefined;
  for (const kind of seenKinds) first = lowest(first, field.kinds[kind]?.first);
  return first;
}

function mergeField(a: FieldEvidence, b: FieldEvidence): FieldEvidence {
  const merged = emptyField();
  for (const kind of seenKinds) {
    const sighting = mergeSighting(a.kinds[kind], b.kinds[kind]);
    if (sighting !== undefined) merged.kinds[kind] = sighting;
  }
  for (const [name, field] of a.fields) {
    const other = b.fields.get(name);
    merged.fields.set(name, other === undefined ? field : mergeField(field, other));
  }
  for (const [name, field] of b.fields) if (!a.fields.has(name)) merged.fields.set(name, field);
  merged.element = a.element === undefined || b.element === undefined ? (a.element ?? b.element) : mergeField(a.element, b.element);
  return merged;
}

function mergeSighting(a: Sighting | undefined, b: Sighting | undefined): Sighting | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const free = lowest(a.free, b.free);
  const first = lowest(a.first, b.first) as Position;
  return free === undefined ? { first } : { first, free };
}

function countFields(field: FieldEvidence): number {
  let count = field.element === undefined ? 0 : 1 + countFields(field.element);
  for (const child of field.fields.values()) count += 1 + countFields(child);
  return count;
}
