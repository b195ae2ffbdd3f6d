/**
 * `add.path` of a data file's key below the table root: RFC 2396 percent-encoding of each segment. Pure.
 * Our own keys use only `[A-Za-z0-9._=/-]` beside column names, so that nothing is ever encoded twice.
 */
export function encodePath(key: string): string {
  return key
    .split('/')
    .map((segment) => encodeURIComponent(segment).replace(/%3D/g, '='))
    .join('/');
}

/** The key below the table root that `add.path` names. Pure; readers decode once. An absolute path comes back as it is: it lies outside the table. */
export function decodePath(path: string): string {
  return path
    .split('/')
    .map((segment) => decodeURIComponent(segment))
    .join('/');
}

/** Text that is safe in a directory or file name on every store and needs no escape in `add.path`. Pure; not reversible, the truth is in the log. */
export function safeSegment(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]/g, '_').slice(0, 80);
}
