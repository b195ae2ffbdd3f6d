import { readFileSync } from 'node:fs';

/**
 * What the validator says of a value. `embeddable`: one JSON text in valid UTF-8, without byte order mark, raw line breaks or nesting deeper than 200;
 * `lineBreak`: would be, but for CR or LF between its tokens; `loneSurrogate`: but for an escaped half of a surrogate pair, which jq and others refuse. The numbers behind them are json-validator.as's.
 */
const verdicts = ['embeddable', 'notJson', 'lineBreak', 'tooDeep', 'loneSurrogate'] as const;
export type JsonVerdict = (typeof verdicts)[number];

/** The part of the platform's WebAssembly we use: its types belong to the browser's library, which a service does not load. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: object };
};
type Memory = { readonly buffer: ArrayBuffer; grow(pages: number): number };
type Exports = { memory: Memory; inputStart(): number; validate(length: number): number };

const pageBytes = 65_536;
/** The validator reads and writes so far behind its input. */
const paddingBytes = 16;
/** WASM memory never shrinks: an instance that grew beyond this for one huge value is dropped after it. */
const keptBytesMax = 32 * 2 ** 20;

/** Compiled once a process from the committed file; CI builds it again from json-validator.as and compares. */
const compiled = new WebAssembly.Module(readFileSync(new URL('./json-validator.wasm', import.meta.url)));

let wasm: Exports | undefined;
let input = new Uint8Array(0);
let inputStart = 0;

/** Judges one value without parsing it, at about the speed of memory. Synchronous; one scratch memory for the process. */
export function judgeJson(value: Uint8Array): JsonVerdict {
  const instance = wasm ?? open();
  if (input.length < inputStart + value.length + paddingBytes) grow(instance, value.length);
  input.set(value, inputStart);
  const verdict = verdicts[instance.validate(value.length)] as JsonVerdict;
  if (input.length > keptBytesMax) wasm = undefined;
  return verdict;
}

function open(): Exports {
  wasm = new WebAssembly.Instance(compiled).exports as Exports;
  inputStart = wasm.inputStart();
  input = new Uint8Array(wasm.memory.buffer);
  return wasm;
}

function grow(instance: Exports, length: number): void {
  instance.memory.grow(Math.ceil((inputStart + length + paddingBytes - input.length) / pageBytes));
  input = new Uint8Array(instance.memory.buffer); // growing detached the one before
}
