import { parseStored } from '../domain/chain.ts';
import { MillraceError } from '../domain/errors.ts';
import { ledgerKey } from '../domain/keys.ts';
import {
  type Ledger,
  ledger,
  ledgerFormat,
  type QuarantinePointer,
  type QuarantineSegmentRef,
  quarantineSegment,
} from '../domain/ledger.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { sha256Hex } from './sha256.ts';

/**
 * The ledger object that a table commit names.
 * @param table store rooted at the table
 * @throws kind `corrupt`, code `ledger_missing` when it is not there; as `parseStored` when it cannot be read
 */
export async function readLedger(table: ObjectStore, id: bigint, signal?: AbortSignal): Promise<Ledger> {
  const key = ledgerKey(id);
  const bytes = await table.get(key, signal === undefined ? {} : { signal });
  if (bytes === undefined)
    throw new MillraceError('corrupt', 'ledger_missing', `the table's log names ledger ${id}, but ${table.url}/${key} is not there`, {
      key,
    });
  const read = parseStored(ledger, bytes, `${table.url}/${key}`, ledgerFormat);
  if (read.id !== id) throw new MillraceError('corrupt', 'ledger_id_differs', `${table.url}/${key} says it is ledger ${read.id}`, { key });
  return read;
}

/**
 * Pointers of one quarantine segment, checked against the ledger's hash.
 * @throws kind `corrupt`, code `segment_missing` or `segment_differs`
 */
export async function readQuarantineSegment(
  table: ObjectStore,
  ref: QuarantineSegmentRef,
  signal?: AbortSignal,
): Promise<QuarantinePointer[]> {
  const bytes = await table.get(ref.key, signal === undefined ? {} : { signal });
  if (bytes === undefined)
    throw new MillraceError('corrupt', 'segment_missing', `quarantine segment ${table.url}/${ref.key} is not there`, { key: ref.key });
  const sha256 = sha256Hex(bytes);
  if (sha256 !== ref.sha256 || bytes.byteLength !== ref.bytes)
    throw new MillraceError(
      'corrupt',
      'segment_differs',
      `quarantine segment ${table.url}/${ref.key} has SHA-256 ${sha256}, the ledger says ${ref.sha256}`,
      { key: ref.key },
    );
  return parseStored(quarantineSegment, bytes, `${table.url}/${ref.key}`, ledgerFormat).pointers;
}
