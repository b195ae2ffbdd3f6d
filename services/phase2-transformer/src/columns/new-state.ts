import type { ColumnType } from '@millrace/core/domain/table-schema.ts';
import { BitState, type ColumnState, DoubleState, Int32State, Int64State, ListState, StructState } from './column-state.ts';
import { TextState } from './text-state.ts';

/** An empty growing column of a type. Pure. */
export function newColumnState(type: ColumnType, capacity: number): ColumnState {
  switch (type.kind) {
    case 'boolean':
      return new BitState(capacity);
    case 'integer':
    case 'date':
      return new Int32State(capacity);
    case 'long':
    case 'timestamp':
      return new Int64State(capacity);
    case 'double':
      return new DoubleState(capacity);
    case 'string':
      return new TextState(capacity);
    case 'struct':
      return new StructState(
        capacity,
        type.fields.map((field) => newColumnState(field.type, capacity)),
      );
    case 'list':
      return new ListState(capacity, newColumnState(type.element, capacity), capacity);
  }
}
