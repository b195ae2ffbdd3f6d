import { memoryStore } from '@millrace/core/testing/memory-store.ts';
import { describe, expect, it } from 'vitest';
import { readLedger, readQuarantineSegment } from '../../src/delta/ledger-reader.ts';
import { sha256Hex } from '../../src/delta/sha256.ts';
import { encodeStored } from '../../src/domain/chain.ts';
import { ledgerKey } from '../../src/domain/keys.ts';
import { type Ledger, ledger, quarantineSegment } from '../../src/domain/ledger.ts';

const made: Ledger = {
  format: 1,
  id: 42n,
  previousId: null,
  attemptId: 'a',
  datasetId: 'd',
  dataset: 'orders',
  datasetVersion: 1,
  schemaVersion: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
  floodCheck: 'pending',
  partitions: [],
  quarantineSegments: [],
};

describe('ledgers', () => {
  it('come back as written; a missing, misplaced or newer one is refused by name', async () => {
    const { store } = memoryStore();
    await store.put(ledgerKey(42n), encodeStored(ledger, made));
    expect(await readLedger(store, 42n)).toEqual(made);
    await expect(readLedger(store, 43n)).rejects.toThrow(/names ledger 43, but memory:\/_millrace\/ledger\/43\.json is not there/);
    await store.put(ledgerKey(44n), encodeStored(ledger, made));
    await expect(readLedger(store, 44n)).rejects.toThrow(/says it is ledger 42/);
    await store.put(ledgerKey(45n), new TextEncoder().encode('{"format":2}'));
    await expect(readLedger(store, 45n)).rejects.toThrow(/Upgrade Millrace/);
  });

  it('guard their quarantine segments by hash and size', async () => {
    const { store } = memoryStore();
    const bytes = encodeStored(quarantineSegment, { format: 1, pointers: [] });
    const ref = { key: '_millrace/quarantine/x.json', sha256: sha256Hex(bytes), bytes: bytes.byteLength, records: 0n };
    await expect(readQuarantineSegment(store, ref)).rejects.toThrow(/is not there/);
    await store.put(ref.key, bytes);
    expect(await readQuarantineSegment(store, ref)).toEqual([]);
    await expect(readQuarantineSegment(store, { ...ref, sha256: '0'.repeat(64) })).rejects.toThrow(/the ledger says 0000/);
  });
});
