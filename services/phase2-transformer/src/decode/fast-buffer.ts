/** Methods every Node Buffer has and its published types leave out: `toString` and `write` without the look-up of an encoding's name. Bounds are half-open byte offsets. */
export type FastBuffer = Buffer & {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
  utf8Write(text: string, start: number): number;
};

/** The same memory as a buffer with those methods. Pure. */
export function fastBuffer(bytes: Uint8Array): FastBuffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) as FastBuffer;
}
