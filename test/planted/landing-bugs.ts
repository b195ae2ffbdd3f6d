import type { Bug } from './bug.ts';

const runPublish = 'services/phase1-dumper/src/run/publish.ts';
const runClaim = 'services/phase1-dumper/src/run/claim.ts';
const runPartition = 'services/phase1-dumper/src/run/partition.ts';
const planPublish = 'services/phase1-dumper/src/dump/publish.ts';
const planClaim = 'services/phase1-dumper/src/dump/claim.ts';
const partitionLines = 'services/phase1-dumper/src/kafka/partition-lines.ts';
const commitDecision = 'services/core/src/stores/commit-decision.ts';

const caughtBy = 'simulation:phase1';

/** Bugs of landing that the simulation of phase 1 catches. */
export const landingBugs: readonly Bug[] = [
  {
    name: 'entry-before-upload',
    story: 'The chain entry is written while the raw object it names is still on its way.',
    patches: [
      {
        file: runPublish,
        find: '() => context.store.put(key, body, signal).then(() => true),',
        replace: 'async () => { void context.store.put(key, body, signal).catch(() => {}); return true; },',
      },
    ],
    caughtBy,
    withinSeconds: 30,
  },
  {
    name: '412-taken-as-success',
    story: 'A conditional write that is refused because something is there counts as done, whosever it is.',
    patches: [
      {
        file: commitDecision,
        find: "return remainingMs > 0 ? { state, step: { do: 'read', afterMs: 0 } } : { state, step: { do: 'end', status: 'unknown' } };",
        replace: "return { state, step: { do: 'end', status: 'committed' } };",
      },
    ],
    caughtBy,
    withinSeconds: 30,
  },
  {
    name: '412-taken-as-failure-and-a-new-name-tried',
    story: 'A conditional write that is refused is written again under the next name, though it was our own that stood there.',
    patches: [
      {
        file: commitDecision,
        find: "if (event.found === 'ours') return { state, step: { do: 'end', status: 'committed' } };",
        replace: '',
      },
      {
        file: commitDecision,
        find: "if (event.found === 'other') return",
        replace: "if (event.found !== 'nothing') return",
      },
      {
        file: runPublish,
        find: "if (commit.status === 'conflicted') {",
        replace:
          "if (commit.status === 'conflicted') return commitEntry(context, { ...chain, head: { ...head, seq: entry.seq } }, prepared, ranges, signal, onWait);\n  if (commit.status === 'never') {",
      },
    ],
    caughtBy,
    withinSeconds: 30,
  },
  {
    name: 'no-put-if-absent',
    story: 'Entries are written with a plain PUT, over whatever stands there.',
    patches: [
      {
        file: 'services/core/src/stores/commit-object.ts',
        find: 'return { saw: await store.putIfAbsent(key, body, deadline.signal) };',
        replace: "await store.put(key, body, deadline.signal); return { saw: 'created' };",
      },
    ],
    caughtBy,
    withinSeconds: 30,
  },
  {
    name: 'no-claim',
    story: 'A new owner writes behind the tail it found, without a claim that would fence the former one.',
    patches: [
      {
        file: runClaim,
        find: 'const commit = await settleEntry(context, plan.entry, signal, onWait);',
        replace:
          "const commit = tail.entry !== undefined ? { status: 'committed' } : await settleEntry(context, plan.entry, signal, onWait);",
      },
      {
        file: runClaim,
        find: 'head: headAfter(plan.entry, plan.chainStart),',
        replace: 'head: headAfter(tail.entry ?? plan.entry, plan.chainStart),',
      },
    ],
    caughtBy,
    withinSeconds: 30,
  },
  {
    name: 'epoch-not-raised',
    story: 'A claim keeps the epoch of the owner before.',
    patches: [{ file: planClaim, find: 'epoch: (tail?.epoch ?? 0n) + 1n,', replace: 'epoch: tail?.epoch ?? 1n,' }],
    caughtBy,
    withinSeconds: 30,
  },
  {
    name: 'lease-by-wall-clock',
    story: 'An owner that wrote less than a session ago trusts its lease by the wall clock and writes without a condition.',
    patches: [
      {
        file: runPublish,
        find: 'type ChainEntry, chainEntry, parseStored,',
        replace: 'type ChainEntry, chainEntry, encodeStored, parseStored,',
      },
      {
        file: runPublish,
        find: 'const commit = await settleEntry(context, entry, signal, onWait);',
        replace: `const leased = context.clock.now() < (chain.leasedUntil ?? 0);
  const commit = leased
    ? ((await persist(context, 'store', 'commit', () => context.store.put(chainEntryKey(source.topic, source, entry.seq), encodeStored(chainEntry, entry), signal).then(() => ({ status: 'committed' })), signal, onWait)) ?? { status: 'aborted' })
    : await settleEntry(context, entry, signal, onWait);`,
      },
      {
        file: runPublish,
        find: 'chain: { ...chain, head: { ...head, seq: entry.seq,',
        replace: 'chain: { ...chain, leasedUntil: context.clock.now() + context.sessionTimeoutMs, head: { ...head, seq: entry.seq,',
      },
    ],
    caughtBy,
    withinSeconds: 45,
  },
  {
    name: 'reset-to-earliest-when-out-of-range',
    story: 'Records that retention took before they were landed are passed over without a word.',
    patches: [
      {
        file: runClaim,
        find: 'if (offsets === undefined) continue;',
        replace:
          'if (offsets === undefined) continue;\n    if (head.nextOffset < offsets.earliest) { chain = { ...chain, head: { ...head, nextOffset: offsets.earliest } }; continue; }',
      },
    ],
    caughtBy,
    withinSeconds: 120,
  },
  {
    name: 'reset-to-latest-when-claimed',
    story: 'A new owner begins at the end of the partition, as a consumer without an offset of its own would.',
    patches: [
      {
        file: runClaim,
        find: "if (verdict.verdict === 'read') return { status: 'claimed', chain, start, earliest: offsets.earliest };",
        replace:
          "if (verdict.verdict === 'read') return { status: 'claimed', chain: { ...chain, head: { ...chain.head, nextOffset: offsets.lastStable } }, start, earliest: offsets.earliest };",
      },
    ],
    caughtBy,
    withinSeconds: 30,
  },
  {
    name: 'buffers-kept-over-a-revoke',
    story: 'What was buffered when the group took a partition away is still there when the partition comes back.',
    patches: [
      {
        file: runPartition,
        find: '    this.#dropBuffer(cause);\n',
        replace:
          '    if (this.#buffer.ranges.length > 0) (this.#context.kept ??= new Map()).set(JSON.stringify(this.partition), this.#buffer);\n    this.#dropBuffer(cause);\n',
      },
      {
        file: runPartition,
        find: '    this.#received = chain.head.nextOffset;\n',
        replace:
          '    this.#received = chain.head.nextOffset;\n    this.#buffer = this.#context.kept?.get(JSON.stringify(this.partition)) ?? this.#buffer;\n',
      },
    ],
    caughtBy,
    withinSeconds: 45,
  },
  {
    name: 'buffers-kept-when-fenced',
    story: 'A fenced worker that claims again still holds what it had read under its old epoch.',
    patches: [{ file: runPartition, find: "    this.#dropBuffer('fenced');\n", replace: '' }],
    caughtBy,
    withinSeconds: 45,
  },
  {
    name: 'shared-object-names',
    story: 'Raw objects of two owners that begin at one offset get one name.',
    patches: [{ file: runPublish, find: 'head.epoch, context.random.ulid());', replace: "0n, 'shared');" }],
    caughtBy,
    withinSeconds: 45,
  },
  {
    name: 'next-offset-is-start-plus-count',
    story: 'The next offset is counted from the records, as if offsets had no holes.',
    patches: [
      {
        file: planPublish,
        find: 'const endOffset = ranges.at(-1)?.endOffset ?? startOffset;',
        replace: 'const endOffset = startOffset + BigInt(ranges.reduce((sum, range) => sum + range.recordCount, 0));',
      },
    ],
    caughtBy,
    withinSeconds: 30,
  },
  {
    name: 'identity-not-confirmed',
    story: 'Nobody asks who the topic is after the last record arrived: records of a topic made again land in the old chain.',
    patches: [
      {
        file: runPublish,
        find: '    confirmIdentity(context, chain, signals.soft, onWait),\n',
        replace: "    Promise.resolve({ verdict: 'same', confirmedAt: context.clock.monotonic() }),\n",
      },
    ],
    caughtBy,
    withinSeconds: 45,
  },
  {
    name: 'position-not-moved-on-an-empty-batch',
    story: 'Control records at the end of a partition bring no record, and the position stays before them.',
    patches: [
      {
        file: partitionLines,
        find: 'endReached(offset: number): void {\n    if (offset > this.#next) this.#skipTo(offset);',
        replace: 'endReached(offset: number): void {\n    if (offset < 0) this.#skipTo(offset);',
      },
    ],
    caughtBy,
    withinSeconds: 90,
  },
  {
    name: 'gap-where-a-record-was',
    story: 'Two holes around a single record are joined into one gap.',
    patches: [
      {
        file: planPublish,
        find: 'before.endOffset === gap.startOffset && before.cause === gap.cause',
        replace: 'before.endOffset + 1n >= gap.startOffset && before.cause === gap.cause',
      },
    ],
    caughtBy,
    withinSeconds: 30,
  },
  {
    name: 'tail-not-read-again',
    story: "A claim that loses to the former owner's last publication is planned again over the tail it knew.",
    patches: [
      { file: runClaim, find: '  let hint = seqTold(', replace: '  let stale;\n  let hint = seqTold(' },
      {
        file: runClaim,
        find: 'async () => ({ entry: await findTail(context.store, asked.topic, asked, hint, signal) }),',
        replace: 'async () => ({ entry: stale ?? (await findTail(context.store, asked.topic, asked, hint, signal)) }),',
      },
      {
        file: runClaim,
        find: '    hint = tail.entry?.seq ?? 0n;\n',
        replace: '    if (tail.entry !== undefined) stale = { ...tail.entry, seq: plan.entry.seq };\n',
      },
    ],
    caughtBy,
    withinSeconds: 120,
  },
  {
    name: 'two-publications-at-once',
    story: 'A partition seals again while its last publication is not settled: entries may be committed out of order.',
    patches: [
      {
        file: runPartition,
        find: 'if (this.#publishing !== undefined || this.#soft.signal.aborted) return;\n    const resumed',
        replace: 'if (this.#soft.signal.aborted) return;\n    const resumed',
      },
    ],
    caughtBy,
    withinSeconds: 30,
  },
  {
    name: 'sha-of-the-lines',
    story: 'The chain names the SHA-256 of the lines, not of the bytes that are stored.',
    patches: [
      {
        file: runPublish,
        find: "sha256: hash('sha256', body)",
        replace: "sha256: hash('sha256', joinLines(ranges))",
      },
    ],
    caughtBy,
    withinSeconds: 30,
  },
  {
    name: 'acknowledged-before-the-entry',
    story: 'Group offsets are committed when a publication begins, not when its entry stands.',
    patches: [
      {
        file: runPartition,
        find: '    this.#identityDoubted = false;\n    this.#publishing =',
        replace:
          '    this.#identityDoubted = false;\n    if (sealed.ranges.length > 0) this.#committed({ ...chain, head: { ...chain.head, seq: chain.head.seq + 1n, nextOffset: sealed.ranges.at(-1).endOffset } });\n    this.#publishing =',
      },
    ],
    caughtBy,
    withinSeconds: 30,
  },
];
