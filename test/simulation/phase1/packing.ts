/** Stands before the lines of a stored object: what is stored is other bytes than the lines, as with compression, and costs nothing. */
const mark = Buffer.from('packed\n');

/** What the simulation stores for compressed lines. Pure. */
export const packed = (lines: Uint8Array): Uint8Array => Buffer.concat([mark, lines]);

/** The lines of a stored object. @throws when it is not one */
export function unpacked(body: Uint8Array): Uint8Array {
  if (Buffer.compare(body.subarray(0, mark.length), mark) !== 0) throw new Error('a raw object that was not packed');
  return body.subarray(mark.length);
}
