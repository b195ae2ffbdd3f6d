import type { Column, ColumnType } from '@millrace/core/domain/table-schema.ts';
import {
  Bool,
  type Data,
  type DataType,
  DateDay,
  Field,
  Float64,
  Int32,
  Int64,
  List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimestampMicrosecond,
  Utf8,
} from 'apache-arrow';
import type { ColumnBuffer } from '../../columns/column-buffer.ts';

/** The columns as one Arrow record batch over the same memory. Field ids travel as `PARQUET:field_id`. Pure. */
export function arrowTable(columns: readonly ColumnBuffer[], rows: number): Table {
  const fields = columns.map(arrowField);
  const children = columns.map((column, i) => arrowData(column, (fields[i] as Field).type));
  return new Table([new RecordBatch(new Schema(fields), makeData({ type: new Struct(fields), length: rows, nullCount: 0, children }))]);
}

function arrowField({ name, type, fieldId }: Pick<Column, 'name' | 'type' | 'fieldId'>): Field {
  return new Field(name, arrowType(type), true, new Map([['PARQUET:field_id', String(fieldId)]]));
}

function arrowType(type: ColumnType): DataType {
  switch (type.kind) {
    case 'boolean':
      return new Bool();
    case 'integer':
      return new Int32();
    case 'long':
      return new Int64();
    case 'double':
      return new Float64();
    case 'string':
      return new Utf8();
    case 'date':
      return new DateDay();
    case 'timestamp':
      return new TimestampMicrosecond('UTC');
    case 'struct':
      return new Struct(type.fields.map(arrowField));
    case 'list':
      return new List(arrowField({ name: 'element', type: type.element, fieldId: type.elementFieldId }));
  }
}

function arrowData(column: ColumnBuffer, type: DataType): Data {
  const { values, length, nullCount } = column;
  const common = { length, nullCount, nullBitmap: nullCount === 0 ? undefined : column.validity };
  switch (values.layout) {
    case 'bits':
      return makeData({ type: type as Bool, ...common, data: values.bits });
    case 'int32':
      return makeData({ type: type as Int32, ...common, data: values.words });
    case 'int64':
      return makeData({
        type: type as Int64,
        ...common,
        data: new BigInt64Array(values.words.buffer as ArrayBuffer, values.words.byteOffset, length),
      });
    case 'double':
      return makeData({ type: type as Float64, ...common, data: values.doubles });
    case 'text':
      return makeData({ type: type as Utf8, ...common, valueOffsets: values.offsets, data: values.bytes });
    case 'struct':
      return makeData({
        type: type as Struct,
        ...common,
        children: values.fields.map((field, i) => arrowData(field, (type.children as Field[])[i]?.type as DataType)),
      });
    case 'list':
      return makeData({
        type: type as List,
        ...common,
        valueOffsets: values.offsets,
        child: arrowData(values.element, (type.children as Field[])[0]?.type as DataType),
      });
  }
}
