import type { JsonObject, JsonValue } from '../decode/json-value.ts';
import type { Evidence, FieldEvidence, Position } from './evidence.ts';
import { emptyField, lowest } from './evidence-join.ts';
import { schemaFieldsMax } from './limits.ts';
import { elementSegment, pathSegment, pathText } from './paths.ts';
import { kindOf } from './value-kind.ts';

/** A record as evidence needs it. `covered` answers whether a decision in force covers this kind at this path for this record (R7); undefined when none does. */
export type Observed = {
  record: JsonObject;
  /** characters before every member name, see `withPrefixedNames` */
  namePrefix: number;
  topicId: string;
  partition: number;
  offset: bigint;
  covered: ((path: string, kind: FieldKind) => boolean) | undefined;
};
type FieldKind = ReturnType<typeof kindOf>;

/**
 * Adds a record to evidence, in place. The record holds no data error and its numbers are exact where it matters.
 * Records of one evidence must come in ascending positions: then the first sighting is the lowest, and known shapes cost no allocation.
 */
export function observe(evidence: Evidence, observed: Observed): void {
  new Walk(evidence, observed).object(evidence.root, observed.record, []);
}

class Walk {
  private readonly evidence: Evidence;
  private readonly observed: Observed;
  private ordinal = 0;

  constructor(evidence: Evidence, observed: Observed) {
    this.evidence = evidence;
    this.observed = observed;
  }

  object(field: FieldEvidence, value: JsonObject, path: string[]): void {
    const { namePrefix, covered } = this.observed;
    for (const key of Object.keys(value)) {
      const name = namePrefix === 0 ? key : key.slice(namePrefix);
      this.ordinal++;
      let child = field.fields.get(name);
      if (child === undefined) {
        child = this.newField();
        if (child === undefined) continue;
        field.fields.set(name, child);
      }
      // paths are only asked for by decisions
      this.value(child, value[key] as JsonValue, covered === undefined ? path : [...path, pathSegment(name)]);
    }
  }

  private value(field: FieldEvidence, value: JsonValue, path: string[]): void {
    const kind = kindOf(value);
    const sighting = field.kinds[kind];
    const free = this.observed.covered === undefined || !this.observed.covered(pathText(path), kind);
    if (sighting === undefined) {
      const first = this.position();
      field.kinds[kind] = free ? { first, free: first } : { first };
    } else if (free && sighting.free === undefined) sighting.free = this.position();
    if (kind === 'struct') this.object(field, value as JsonObject, path);
    if (kind !== 'list') return;
    field.element ??= this.newField();
    if (field.element === undefined) return;
    const elementPath = this.observed.covered === undefined ? path : [...path, elementSegment];
    for (const element of value as JsonValue[]) {
      this.ordinal++;
      this.value(field.element, element, elementPath);
    }
  }

  private newField(): FieldEvidence | undefined {
    if (this.evidence.fieldCount >= schemaFieldsMax) {
      this.evidence.overflow = lowest(this.evidence.overflow, this.position());
      return undefined;
    }
    this.evidence.fieldCount++;
    return emptyField();
  }

  private position(): Position {
    const { topicId, partition, offset } = this.observed;
    return { topicId, partition, offset, ordinal: this.ordinal };
  }
}
