import { JsonNumber, type JsonValue } from '../decode/json-value.ts';
import type { SeenKind } from './evidence.ts';

/** What a JSON value is to inference. Plain numbers must be safe integers or true fractions: others come as `JsonNumber`. Pure. */
export function kindOf(value: JsonValue): SeenKind {
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'boolean';
    case 'number':
      return Number.isInteger(value) ? 'long' : 'double';
    default:
      if (value === null) return 'null';
      if (value instanceof JsonNumber) return value.isFraction ? 'double' : 'long';
      if (Array.isArray(value)) return value.length === 0 ? 'emptyList' : 'list';
      for (const _ in value) return 'struct';
      return 'emptyObject';
  }
}
