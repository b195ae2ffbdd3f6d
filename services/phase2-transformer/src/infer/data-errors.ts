import { isJsonObject, JsonNumber, type JsonObject, type JsonValue } from '../decode/json-value.ts';
import type { SeenKind } from './evidence.ts';
import { nestingDepthMax, schemaFieldsMax } from './limits.ts';
import { elementSegment, pathSegment, pathText } from './paths.ts';
import { acceptedKinds, type SchemaNode } from './schema-tree.ts';
import { kindOf } from './value-kind.ts';

/** Why a record is set aside. `detail` names the path, never the data; at most 500 characters. A class, because records are plain objects. */
export class DataError {
  readonly reason: DataErrorReason;
  readonly detail: string;

  constructor(reason: DataErrorReason, detail: string) {
    this.reason = reason;
    this.detail = detail.slice(0, 500);
  }
}

/** Why a record is set aside, and at which stage that is found out. */
export const dataErrorStages = {
  not_json: 'decode',
  not_object: 'decode',
  lone_surrogate: 'infer',
  integer_out_of_range: 'infer',
  fraction_out_of_range: 'infer',
  nesting_too_deep: 'infer',
  too_many_fields: 'infer',
  key_missing: 'infer',
  integer_inexact: 'encode',
  type_mismatch: 'encode',
} as const;
export type DataErrorReason = keyof typeof dataErrorStages;

/** What a plainly parsed record needs before it can be judged: its numbers exactly. */
export type NeedsExact = 'needs_exact';

/**
 * What no column of any type could hold, anywhere in a record. Pure.
 * @returns `needs_exact` for a plainly parsed record whose numbers must be read again from the text
 */
export function findDataError(record: JsonObject, keyPaths: readonly string[][]): DataError | NeedsExact | undefined {
  const path: PathStep[] = [];
  const found = checkValue(record, path, 1);
  if (found !== undefined) return found;
  for (const keyPath of keyPaths) {
    const value = valueAt(record, keyPath);
    if (
      value === undefined ||
      value === null ||
      (typeof value === 'object' && (kindOf(value) === 'emptyList' || kindOf(value) === 'emptyObject'))
    )
      return new DataError(
        'key_missing',
        `the key field ${pathText(keyPath.map(pathSegment))} is ${value === undefined ? 'missing' : value === null ? 'null' : 'empty'}`,
      );
  }
  return undefined;
}

/** The value at a path of JSON field names through objects; undefined when there is none. Pure. */
export function valueAt(record: JsonObject, path: readonly string[]): JsonValue | undefined {
  let at: JsonValue | undefined = record;
  for (const name of path) {
    if (!isJsonObject(at) || !Object.hasOwn(at, name)) return undefined;
    at = at[name];
  }
  return at;
}

/** A member name as it is, or the step into a list: text is made of them only when somebody reads it. */
type PathStep = string | typeof elementStep;
const elementStep = 0;

function stepsText(steps: readonly PathStep[]): string {
  return pathText(steps.map((step) => (step === elementStep ? elementSegment : pathSegment(step))));
}

type Found = DataError | NeedsExact | undefined;

function errorAt(reason: DataErrorReason, what: string, path: readonly PathStep[]): DataError {
  return new DataError(reason, path.length === 0 ? what : `${what} at ${stepsText(path)}`);
}

function checkValue(value: JsonValue, path: PathStep[], depth: number): Found {
  if (typeof value === 'string')
    return value.isWellFormed() ? undefined : errorAt('lone_surrogate', 'a string with a lone surrogate', path);
  if (typeof value === 'number')
    return Number.isSafeInteger(value) || (Number.isFinite(value) && !Number.isInteger(value)) ? undefined : 'needs_exact';
  if (typeof value !== 'object' || value === null) return undefined;
  if (value instanceof JsonNumber) {
    if (value.isInRange()) return undefined;
    return value.isFraction
      ? errorAt('fraction_out_of_range', 'a fraction too large for a double', path)
      : errorAt('integer_out_of_range', 'an integer of more than 64 bits', path);
  }
  if (depth > nestingDepthMax) return new DataError('nesting_too_deep', `nested deeper than ${nestingDepthMax} levels`);
  if (Array.isArray(value)) {
    path.push(elementStep);
    for (const element of value) {
      const found = checkValue(element, path, depth + 1);
      if (found !== undefined) return found;
    }
    path.pop();
    return undefined;
  }
  const names = Object.keys(value);
  if (names.length > schemaFieldsMax) return errorAt('too_many_fields', `an object of more than ${schemaFieldsMax} members`, path);
  for (const name of names) {
    if (!name.isWellFormed()) return errorAt('lone_surrogate', 'a member name with a lone surrogate', path);
    path.push(name);
    const found = checkValue(value[name] as JsonValue, path, depth + 1);
    if (found !== undefined) return found;
    path.pop();
  }
  return undefined;
}

/** A value that contradicts the schema. */
export type Misfit = { path: string; kind: SeenKind };

/**
 * Compares an exactly parsed record with the schema. Pure.
 * @returns the values whose kind the schema does not take, and the first integer that its double column cannot hold
 */
export function findMisfits(root: SchemaNode, record: JsonObject): { misfits: Misfit[]; inexact: DataError | undefined } {
  const result: { misfits: Misfit[]; inexact: DataError | undefined } = { misfits: [], inexact: undefined };
  compare(root, record, [], result);
  return result;
}

/** `path` is one array, as long inside as outside. */
function compare(at: SchemaNode, value: JsonValue, path: PathStep[], result: { misfits: Misfit[]; inexact: DataError | undefined }): void {
  const kind = kindOf(value);
  if (!acceptedKinds(at).has(kind)) {
    result.misfits.push({ path: stepsText(path), kind });
    return;
  }
  if (at.kind === 'double' && value instanceof JsonNumber && !value.isFraction && !value.isExactDouble())
    result.inexact ??= errorAt('integer_inexact', 'an integer that a double cannot hold exactly', path);
  if (kind === 'list' && at.element !== undefined) {
    path.push(elementStep);
    for (const element of value as JsonValue[]) compare(at.element, element, path, result);
    path.pop();
  }
  if (kind !== 'struct') return;
  for (const name of Object.keys(value as JsonObject)) {
    const child = at.fields.get(name);
    if (child === undefined) continue;
    path.push(name);
    compare(child, (value as JsonObject)[name] as JsonValue, path, result);
    path.pop();
  }
}
