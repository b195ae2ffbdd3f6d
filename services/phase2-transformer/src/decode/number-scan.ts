const dot = 0x2e;
const zero = 0x30;
const nine = 0x39;

/**
 * Whether JSON text may hold a fraction whose nearest double is an integer: `1.0`, `1e2` (R10), or one as near to an integer as `0.99999999999999999`.
 * For that the digits before the dot and the zeros or nines behind it must be 15 together, hence the 8 and 7. What strings hold can match too, which only costs an exact parse.
 * Other numbers that need their text show themselves after a plain parse: they are no safe integers. Pure; reads bytes `[start, end)` once.
 */
export function mayHideFraction(json: Uint8Array, start: number, end: number): boolean {
  for (let at = start + 1; at < end; at++) {
    const byte = json[at] as number;
    if (byte === dot) {
      if (isDigit(json[at - 1]) && isNearInteger(json, at, end)) return true;
    } else if ((byte === 0x65 || byte === 0x45) && isDigit(json[at - 1]) && isExponent(json, at, end)) return true;
  }
  return false;
}

function isNearInteger(json: Uint8Array, at: number, end: number): boolean {
  const first = json[at + 1];
  if (!isDigit(first)) return false;
  let run = at + 1;
  while (run < end && json[run] === first) run++;
  if (first === zero && endsNumber(json, run, end)) return true;
  if ((first === zero || first === nine) && run - at > 7) return true;
  for (let back = 2; back <= 8; back++) if (!isDigit(json[at - back])) return false;
  return true;
}

function isExponent(json: Uint8Array, at: number, end: number): boolean {
  let digits = at + 1;
  if (json[digits] === 0x2b || json[digits] === 0x2d) digits++;
  const first = digits;
  while (digits < end && isDigit(json[digits])) digits++;
  return digits > first && endsNumber(json, digits, end);
}

/** A number ends before white space, a comma, a closing bracket, or at the end. */
function endsNumber(json: Uint8Array, at: number, end: number): boolean {
  if (at >= end) return true;
  const byte = json[at] as number;
  return byte === 0x2c || byte === 0x7d || byte === 0x5d || byte <= 0x20;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= zero && byte <= nine;
}
