import { MillraceError } from '../domain/errors.ts';

/*
 * Actions of the Delta log as JSON, one a line. @see Delta protocol, "Actions". Unknown actions and unknown members are ignored, as the protocol asks.
 */

export type DeltaProtocol = { minReaderVersion: number; minWriterVersion: number; readerFeatures?: string[]; writerFeatures?: string[] };

export type DeltaMetadata = {
  id: string;
  name?: string;
  description?: string;
  format: { provider: string; options: Record<string, string> };
  schemaString: string;
  partitionColumns: string[];
  configuration: Record<string, string>;
  createdTime?: number;
};

/** `version` is a long of the format: `bigint` inside, digits in JSON. `lastUpdated` in ms since 1970. */
export type SetTransaction = { appId: string; version: bigint; lastUpdated?: number };

/** `path` as it stands in the log: percent-encoded, relative to the table root. `stats` is JSON text and is never parsed here: its numbers may be 64-bit. */
export type AddFile = {
  path: string;
  partitionValues: Record<string, string | null>;
  size: number;
  modificationTime: number;
  dataChange: boolean;
  stats?: string;
  tags?: Record<string, string>;
};

export type RemoveFile = {
  path: string;
  deletionTimestamp?: number;
  dataChange: boolean;
  extendedFileMetadata?: boolean;
  partitionValues?: Record<string, string | null>;
  size?: number;
};

/** Free-form; every value of `operationParameters` and `operationMetrics` is a string. */
export type CommitInfo = { txnId?: string; timestamp?: number; operation?: string; engineInfo?: string; [name: string]: unknown };

export type DeltaAction =
  | { commitInfo: CommitInfo }
  | { protocol: DeltaProtocol }
  | { metaData: DeltaMetadata }
  | { txn: SetTransaction }
  | { add: AddFile }
  | { remove: RemoveFile };

/**
 * Which actions a reader of a log wants: `state` leaves out file actions without parsing them, `all` parses every line.
 * A log of many files is then read at the cost of its few state lines.
 */
export type ActionScope = 'state' | 'all';

const names = ['commitInfo', 'protocol', 'metaData', 'txn', 'add', 'remove'];
const fileLine = /^\{\s*"(add|remove|cdc)"\s*:/;

/**
 * Actions of one commit, in the order of its lines. Pure.
 * @throws kind `corrupt`, code `unreadable_commit`
 */
export function parseCommit(bytes: Uint8Array, what: string, scope: ActionScope = 'all'): DeltaAction[] {
  const actions: DeltaAction[] = [];
  for (const line of new TextDecoder().decode(bytes).split('\n')) {
    if (line.trim() === '' || (scope === 'state' && fileLine.test(line))) continue;
    const action = parseLine(line, what);
    if (action !== undefined) actions.push(action);
  }
  return actions;
}

function parseLine(line: string, what: string): DeltaAction | undefined {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(line) as Record<string, unknown>;
    // 64-bit: a position beyond 2^53 must not pass through a JavaScript number
    if ('txn' in json) json = JSON.parse(line, exactVersion as (key: string, value: unknown) => unknown) as Record<string, unknown>;
  } catch (cause) {
    throw new MillraceError('corrupt', 'unreadable_commit', `${what} is not a Delta commit: a line of it is not JSON`, { what }, cause);
  }
  const name = names.find((known) => typeof json[known] === 'object' && json[known] !== null);
  return name === undefined ? undefined : ({ [name]: json[name] } as DeltaAction);
}

function exactVersion(key: string, value: unknown, context: { source?: string }): unknown {
  return key === 'version' && typeof value === 'number' ? BigInt(context.source ?? value) : value;
}

/** Bytes of a commit: NDJSON, an action a line in the given order. Pure. */
export function encodeCommit(actions: readonly DeltaAction[]): Uint8Array {
  return new TextEncoder().encode(`${actions.map(encodeAction).join('\n')}\n`);
}

function encodeAction(action: DeltaAction): string {
  if (!('txn' in action)) return JSON.stringify(action);
  const { appId, version, lastUpdated } = action.txn;
  return `{"txn":{"appId":${JSON.stringify(appId)},"version":${version}${lastUpdated === undefined ? '' : `,"lastUpdated":${lastUpdated}`}}}`;
}
