import type { ScalarType } from '@millrace/core/domain/table-schema.ts';
import { type FieldEvidence, type Position, type SeenKind, seenKinds } from './evidence.ts';
import { comparePositions, lowest } from './evidence-join.ts';
import { acceptedKinds, type SchemaNode } from './schema-tree.ts';

/** What a field without a column turned out to be. `undecided`: nothing but null and empties so far. */
export type Decision = { type: ScalarType | 'struct' | 'list' | 'undecided'; conflict: Conflict | undefined };

/** Kinds that contradict the type, with the lowest position no decision covers. `types` are what a decision must name to settle it (R7). */
export type Conflict = { misfits: SeenKind[]; types: SeenKind[]; first: Position };

const groupOf: Record<SeenKind, 'boolean' | 'number' | 'string' | 'struct' | 'list' | undefined> = {
  null: undefined,
  emptyList: 'list',
  emptyObject: 'struct',
  boolean: 'boolean',
  long: 'number',
  double: 'number',
  string: 'string',
  struct: 'struct',
  list: 'list',
};

/**
 * Kinds seen at a field with a column that its type does not take. Pure.
 * Sightings that decisions cover are no contradiction: those records are set aside (R7).
 */
export function contradictions(node: SchemaNode, evidence: FieldEvidence): Conflict | undefined {
  return conflictOf(evidence, (kind) => !acceptedKinds(node).has(kind));
}

/**
 * Decides the type of a field without a column from what is remembered of it and what was seen now. Pure.
 * What is remembered came first; else the kind at the lowest position wins, and the others contradict it unless decisions cover them (R7). long with double is double.
 */
export function decideType(node: SchemaNode | undefined, evidence: FieldEvidence | undefined): Decision {
  let group: (typeof groupOf)[SeenKind];
  for (const kind of node?.seen ?? []) group ??= groupOf[kind];
  if (evidence === undefined) return { type: 'undecided', conflict: undefined };
  const scalarOnly = node?.scalarOnly === true;
  if (scalarOnly) group = undefined;
  let winner: Position | undefined;
  const sightings = seenKinds.flatMap((kind) => {
    const sighting = evidence.kinds[kind];
    return sighting === undefined ? [] : [{ kind, ...sighting }];
  });
  if (group === undefined)
    for (const { kind, first } of sightings) {
      const candidate = groupOf[kind];
      if (candidate === undefined || (scalarOnly && (candidate === 'struct' || candidate === 'list'))) continue;
      if (winner === undefined || comparePositions(first, winner) < 0) {
        winner = first;
        group = candidate;
      }
    }
  const isMisfit = (kind: SeenKind) => {
    if (groupOf[kind] === undefined || groupOf[kind] === group) return false;
    return scalarOnly ? kind !== 'emptyList' && kind !== 'emptyObject' : true;
  };
  const conflict = conflictOf(evidence, isMisfit);
  // a decision on a field without a column must hold whichever kind turns out to be the lowest when the batch is formed again
  if (conflict !== undefined) conflict.types = sightings.map(({ kind }) => kind).filter((kind) => groupOf[kind] !== undefined);
  return { type: typeOf(group, evidence), conflict };
}

function typeOf(group: (typeof groupOf)[SeenKind], { kinds }: FieldEvidence): Decision['type'] {
  if (group === undefined) return 'undecided';
  if (group === 'number') return kinds.double === undefined ? 'long' : 'double';
  return group;
}

function conflictOf(evidence: FieldEvidence, isMisfit: (kind: SeenKind) => boolean): Conflict | undefined {
  const misfits: SeenKind[] = [];
  let first: Position | undefined;
  for (const kind of seenKinds) {
    const free = evidence.kinds[kind]?.free;
    if (free === undefined || !isMisfit(kind)) continue;
    misfits.push(kind);
    first = lowest(first, free);
  }
  return first === undefined ? undefined : { misfits, types: misfits, first };
}
