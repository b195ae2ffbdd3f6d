/**
 * What the caller should do now. Few, and changed only by decision:
 * `conflict` someone else won: reload, plan again · `fenced` a newer writer owns this: stop, do not retry ·
 * `unavailable` the other side is away: wait, retry within a bound · `invalid` input or configuration is wrong: a person must change it ·
 * `corrupt` stored bytes are not what was written: stop, keep the evidence · `internal` our bug: crash loudly.
 */
export type ErrorKind = 'conflict' | 'fenced' | 'unavailable' | 'invalid' | 'corrupt' | 'internal';

export type ErrorFields = Readonly<Record<string, string | number | boolean | null>>;

/** The one error class. `code` finds the line, `fields` help the person awake at three, `cause` is kept. Never put secrets or record data in it. */
export class MillraceError extends Error {
  override readonly name = 'MillraceError';
  readonly kind: ErrorKind;
  /** lower_snake_case, stable, unique per place that throws */
  readonly code: string;
  readonly fields: ErrorFields;

  constructor(kind: ErrorKind, code: string, message: string, fields: ErrorFields = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.code = code;
    this.fields = fields;
  }
}

/** True when `error` is ours and of one of the given kinds. Pure. */
export function isKind(error: unknown, ...kinds: ErrorKind[]): error is MillraceError {
  return error instanceof MillraceError && kinds.includes(error.kind);
}

/** One line for logs and statuses: message and the chain of causes, without stacks. Pure. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (let e: unknown = error; e !== undefined && e !== null && parts.length < 5; e = e instanceof Error ? e.cause : undefined) {
    const text = e instanceof Error ? e.message || e.name : String(e);
    if (text !== '' && !parts.some((part) => part.includes(text))) parts.push(text);
  }
  return parts.join(': ');
}
