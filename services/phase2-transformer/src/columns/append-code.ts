import { unescapeName } from '@millrace/core/domain/column-names.ts';
import type { Column, ColumnType, TableSchema } from '@millrace/core/domain/table-schema.ts';
import { JsonNumber, type JsonObject, type JsonValue } from '../decode/json-value.ts';
import type { SchemaNode } from '../infer/schema-tree.ts';
import { kindOf } from '../infer/value-kind.ts';
import type { ColumnState } from './column-state.ts';

/**
 * Writes a parsed record into the data columns at a slot. False when the record holds anything the schema does not say: an unknown member, another type,
 * a number that must be read exactly. What was written then must be truncated away.
 */
export type AppendRecord = (columns: ColumnState[], record: JsonObject, slot: number) => boolean;

/** Members of one struct that one function handles; larger functions are not optimised. */
const membersPerFunction = 48;

/** Objects up to this size are counted by a loop that makes nothing; larger ones are hash tables inside, which such a loop is slow on. */
const loopMembersMax = 128;

/**
 * Generates the append function of a schema's data columns, compiled once per schema: it reads the members it knows by name, checks their types, and counts, so that nothing else is walked.
 * Undecided fields it knows must hold what they held before. The function takes the states of the data columns, in schema order.
 */
export function compileAppend(schema: TableSchema, tree: SchemaNode): AppendRecord {
  const generator = new Generator();
  const partitionColumns = new Set(schema.partitionColumns);
  const name = generator.structFunction(
    schema.columns.filter((column) => column.origin === 'data'),
    tree,
    partitionColumns,
  );
  // names are only ever written as JSON string literals, so no field name can become code
  const build = new Function(
    'U',
    'fits',
    'JsonNumber',
    `"use strict";const isArray=Array.isArray,hasOwn=Object.prototype.hasOwnProperty;\n${generator.functions.join('\n')}\nreturn ${name};`,
  );
  return build(generator.undecided, fitsUndecided, JsonNumber) as AppendRecord;
}

class Generator {
  readonly functions: string[] = [];
  readonly undecided: SchemaNode[] = [];
  private count = 0;

  structFunction(columns: readonly Column[], node: SchemaNode, partitionColumns: ReadonlySet<string>): string {
    const known = new Set<string>();
    const members = columns.map((column, index) => {
      const name = unescapeName(column.name);
      known.add(name);
      const write = this.write(
        column.type,
        node.fields.get(name) as SchemaNode,
        `F[${index}]`,
        'i',
        'return -1',
        partitionColumns.has(column.name),
        column.scalarsAsText === true,
      );
      return this.member(name, `if(v!==null){${write}}`);
    });
    for (const [name, child] of node.fields) {
      if (known.has(name)) continue;
      this.undecided.push(child);
      members.push(this.member(name, `if(!fits(U[${this.undecided.length - 1}],v))return -1;`));
    }
    const parts: string[] = [];
    for (let start = 0; start < members.length; start += membersPerFunction) {
      const part = this.nextName();
      this.functions.push(
        `function ${part}(F,o,i){let n=0,v,c,w;\n${members.slice(start, start + membersPerFunction).join('\n')}\nreturn n;}`,
      );
      parts.push(`m=${part}(F,o,i);if(m<0)return false;n+=m;`);
    }
    const name = this.nextName();
    this.functions.push(
      `function ${name}(F,o,i){let n=0,m=0;${parts.join('')}${members.length > loopMembersMax ? 'm=Object.keys(o).length;' : 'm=0;for(const k in o)m++;'}return n===m;}`,
    );
    return name;
  }

  private member(name: string, use: string): string {
    const literal = JSON.stringify(name);
    const read = name in Object.prototype ? `hasOwn.call(o,${literal})?o[${literal}]:undefined` : `o[${literal}]`;
    return `v=${read};if(v!==undefined){n++;${use}}`;
  }

  /** Code that writes the non-null value `v` to a column at a slot, or runs `fail`. */
  private write(
    type: ColumnType,
    node: SchemaNode,
    column: string,
    slot: string,
    fail: string,
    isPartition: boolean,
    scalarsAsText: boolean,
  ): string {
    const valid = `c.validity[${slot}>>3]|=1<<(${slot}&7);`;
    switch (type.kind) {
      case 'boolean':
        return `if(v===true){c=${column};c.bits[${slot}>>3]|=1<<(${slot}&7);${valid}}else if(v===false){c=${column};${valid}}else{${fail};}`;
      case 'long':
        return `c=${column};if(typeof v==='number'){if(!Number.isSafeInteger(v)){${fail};}w=c.words;w[2*${slot}]=v;w[2*${slot}+1]=Math.floor(v/4294967296);${valid}}else if(!c.setExact(${slot},v)){${fail};}`;
      case 'double':
        return `c=${column};if(typeof v==='number'){if(v-v!==0||(Number.isInteger(v)&&!Number.isSafeInteger(v))){${fail};}c.doubles[${slot}]=v;${valid}}else if(!c.setExact(${slot},v)){${fail};}`;
      case 'string':
        if (scalarsAsText) return `if(!${column}.appendScalar(${slot},v)){${fail};}`;
        return `if(typeof v!=='string'){${fail};}${isPartition ? "if(v!=='')" : ''}if(!${column}.append(${slot},v)){${fail};}`;
      case 'struct': {
        const inner = this.structFunction(type.fields, node, new Set());
        return `if(typeof v!=='object'||isArray(v)||v instanceof JsonNumber){${fail};}c=${column};${valid}if(!${inner}(c.fields,v,${slot})){${fail};}`;
      }
      case 'list': {
        const inner = this.listFunction(type.element, node.element as SchemaNode);
        return `if(!isArray(v)||!${inner}(${column},v,${slot})){${fail};}`;
      }
      default:
        throw new TypeError(`${type.kind} is no type of a data column`);
    }
  }

  private listFunction(element: ColumnType, node: SchemaNode): string {
    const write = this.write(element, node, 'E', 'p', '{s.childLength=p+1;return false;}', false, false);
    const name = this.nextName();
    this.functions.push(
      `function ${name}(s,a,i){const l=a.length;let p=s.begin(i,l),v,c,w;const E=s.element;\nfor(let k=0;k<l;k++,p++){v=a[k];if(v!==null){${write}}}\ns.end(i,p);return true;}`,
    );
    return name;
  }

  private nextName(): string {
    this.count++;
    return `f${this.count}`;
  }
}

/** Whether a value of an undecided field holds only what was seen there before; null tells nothing new. Pure. */
function fitsUndecided(node: SchemaNode, value: JsonValue): boolean {
  if (value === null) return node.seen.size > 0;
  if (typeof value !== 'object' || value instanceof JsonNumber) return false;
  const kind = kindOf(value);
  if (!node.seen.has(kind)) return false;
  if (Array.isArray(value)) return value.every((element) => node.element !== undefined && fitsUndecided(node.element, element));
  return Object.keys(value).every((name) => {
    const child = node.fields.get(name);
    return child !== undefined && fitsUndecided(child, value[name] as JsonValue);
  });
}
