import { MillraceError } from '@millrace/core/domain/errors.ts';

const magic = 0x31524150; // "PAR1", little-endian

/**
 * Reads how many rows a Parquet file says it has. Pure.
 * @throws kind `internal`, code `parquet_unsound`, when the magic or the footer is not in order
 * @see parquet.thrift, FileMetaData; Thrift compact protocol
 */
export function footerRows(file: Uint8Array): number {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < 12 || view.getUint32(0, true) !== magic || view.getUint32(file.length - 4, true) !== magic)
    throw unsound('no PAR1 at both ends');
  const footerLength = view.getUint32(file.length - 8, true);
  if (footerLength + 12 > file.length) throw unsound('the footer is longer than the file');
  const reader = new CompactReader(file.subarray(file.length - 8 - footerLength, file.length - 8));
  let field = 0;
  for (;;) {
    const header = reader.byte();
    if (header === 0) throw unsound('the footer has no row count');
    field = header >> 4 === 0 ? Number(reader.zigzag()) : field + (header >> 4);
    if (field === 3 && (header & 15) === 6) return Number(reader.zigzag());
    reader.skip(header & 15);
  }
}

/** Throws unless the file is sound and has these rows. Pure. */
export function checkFooter(file: Uint8Array, rows: number): void {
  const found = footerRows(file);
  if (found !== rows) throw unsound(`the footer says ${found} rows, ${rows} were written`);
}

function unsound(what: string): MillraceError {
  return new MillraceError('internal', 'parquet_unsound', `The encoded Parquet file is unsound: ${what}`);
}

/** As much of Thrift's compact protocol as it takes to pass over fields. */
class CompactReader {
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw unsound('the footer is cut short');
    return value;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw unsound('a number in the footer does not end');
  }

  zigzag(): bigint {
    const value = this.varint();
    return (value >> 1n) ^ -(value & 1n);
  }

  skip(type: number, isElement = false): void {
    if (type === 1 || type === 2) {
      if (isElement) this.byte();
    } else if (type === 3) this.byte();
    else if (type <= 6) this.varint();
    else if (type === 7) this.advance(8);
    else if (type === 8) this.advance(Number(this.varint()));
    else if (type <= 10) this.skipList();
    else if (type === 12) this.skipStruct();
    else throw unsound(`type ${type} in the footer`);
  }

  private advance(bytes: number): void {
    this.at += bytes;
  }

  private skipList(): void {
    const header = this.byte();
    const size = header >> 4 === 15 ? Number(this.varint()) : header >> 4;
    for (let i = 0; i < size; i++) this.skip(header & 15, true);
  }

  private skipStruct(): void {
    for (let header = this.byte(); header !== 0; header = this.byte()) {
      if (header >> 4 === 0) this.varint();
      this.skip(header & 15);
    }
  }
}
