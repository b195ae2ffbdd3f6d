/*
 * What records were seen to hold, as plain data that travels between threads: per path and kind the lowest position it was seen at.
 * Joining is a pointwise minimum, so it is commutative, associative and idempotent whatever the order and the cut into batches.
 */

/** What one JSON value can be. `long` is an integer that fits 64 bits; a number whose text has `.`, `e` or `E` is a `double` (R10). `struct` and `list` are non-empty (R11). */
export const seenKinds = ['null', 'emptyList', 'emptyObject', 'boolean', 'long', 'double', 'string', 'struct', 'list'] as const;
export type SeenKind = (typeof seenKinds)[number];

/** A record, and the ordinal of a value in the depth-first walk of it. */
export type Position = { topicId: string; partition: number; offset: bigint; ordinal: number };

/** `first` is the lowest position of all; `free` the lowest that no decision in force covers (R7), absent when all are covered. */
export type Sighting = { first: Position; free?: Position };

/** Everything seen at one path. `fields` by JSON field name. */
export type FieldEvidence = {
  kinds: Partial<Record<SeenKind, Sighting>>;
  fields: Map<string, FieldEvidence>;
  element: FieldEvidence | undefined;
};

/** What the records that did not fit the schema were seen to hold. `fieldCount` counts the paths; `overflow` is set when more paths than a table may have were seen. */
export type Evidence = { root: FieldEvidence; fieldCount: number; overflow: Position | undefined };
