import type { ColumnType } from '@millrace/core/domain/table-schema.ts';

/** A column type for people: `long`, `list<string>`, `struct<sku:string,qty:long>`. Pure. */
export function typeText(type: ColumnType): string {
  if (type.kind === 'struct') return `struct<${type.fields.map((field) => `${field.name}:${typeText(field.type)}`).join(',')}>`;
  if (type.kind === 'list') return `list<${typeText(type.element)}>`;
  return type.kind;
}
