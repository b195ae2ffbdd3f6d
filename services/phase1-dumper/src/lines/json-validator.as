// Is this one JSON text that may stand inside a raw line? AssemblyScript with SIMD; built by build-validator.ts into json-validator.wasm.
// RFC 8259 grammar, valid UTF-8 (Unicode table 3-7), no byte order mark, nesting counted; raw line breaks between tokens and lone surrogates told apart.
// Strings are skipped 16 bytes at a time: one bit mask finds quote, backslash, control characters and bytes above 0x7F.

// verdicts, the same numbers as in json-validator.ts
const EMBEDDABLE: i32 = 0;
const NOT_JSON: i32 = 1;
const LINE_BREAK: i32 = 2;
const TOO_DEEP: i32 = 3;
const LONE_SURROGATE: i32 = 4;

const DEPTH_MAX: i32 = 200;
/** jq 1.6 keeps a stack of 256 places, two for an object and one for an array; the raw line's own object takes two, and one is needed to open */
const PLACES_MAX: i32 = 253;
/** one byte a level: the closing bracket it waits for */
const stack: usize = memory.data(DEPTH_MAX);

/** an escaped half of a surrogate pair stood alone */
let loneSurrogate: bool = false;

/** Where the text is to be copied to; 16 bytes after it are overwritten by `validate`. */
export function inputStart(): usize {
  return (__heap_base + 15) & ~15;
}

/** @returns a verdict on the `length` bytes at `inputStart()` */
export function validate(length: usize): i32 {
  let p: usize = inputStart();
  const end: usize = p + length;
  // NUL is allowed nowhere in JSON, so it ends every loop below without asking for the end
  v128.store(end, i8x16.splat(0));
  let depth: i32 = 0;
  let places: i32 = 0;
  loneSurrogate = false;
  let lineBreak: i32 = EMBEDDABLE;

  while (true) {
    // a value begins here
    let c: u32 = load<u8>(p);
    while (c <= 0x20) {
      if (c == 0x0a || c == 0x0d) lineBreak = LINE_BREAK;
      else if (c != 0x20 && c != 0x09) return NOT_JSON;
      c = load<u8>(++p);
    }
    let key: bool = false;
    if (c == 0x22) {
      p = afterString(p + 1);
      if (p == 0) return NOT_JSON;
    } else if (c == 0x7b || c == 0x5b) {
      if (depth == DEPTH_MAX || places > PLACES_MAX) return TOO_DEEP;
      const closing: u32 = c + 2;
      places += placesOf(closing);
      store<u8>(stack + depth++, closing);
      c = load<u8>(++p);
      while (c <= 0x20) {
        if (c == 0x0a || c == 0x0d) lineBreak = LINE_BREAK;
        else if (c != 0x20 && c != 0x09) return NOT_JSON;
        c = load<u8>(++p);
      }
      if (c == closing) {
        depth--;
        places -= placesOf(closing);
        p++;
      } else if (closing == 0x7d) key = true;
      else continue;
    } else if (c - 0x30 < 10 || c == 0x2d) {
      p = afterNumber(p);
      if (p == 0) return NOT_JSON;
    } else if (c == 0x74) {
      if (load<u32>(p) != 0x65757274) return NOT_JSON;
      p += 4;
    } else if (c == 0x66) {
      if (load<u32>(p + 1) != 0x65736c61) return NOT_JSON;
      p += 5;
    } else if (c == 0x6e) {
      if (load<u32>(p) != 0x6c6c756e) return NOT_JSON;
      p += 4;
    } else return NOT_JSON;

    // a value ended here, unless a key has to come first
    while (!key) {
      c = load<u8>(p);
      while (c <= 0x20) {
        if (c == 0x0a || c == 0x0d) lineBreak = LINE_BREAK;
        else if (c != 0x20 && c != 0x09) break;
        c = load<u8>(++p);
      }
      if (depth == 0) return p != end ? NOT_JSON : loneSurrogate ? LONE_SURROGATE : lineBreak;
      const closing: u32 = load<u8>(stack + depth - 1);
      p++;
      if (c == 0x2c) {
        if (closing == 0x5d) break;
        key = true;
      } else if (c == closing) {
        depth--;
        places -= placesOf(closing);
      } else return NOT_JSON;
    }
    if (!key) continue;

    // "name" :
    c = load<u8>(p);
    while (c <= 0x20) {
      if (c == 0x0a || c == 0x0d) lineBreak = LINE_BREAK;
      else if (c != 0x20 && c != 0x09) return NOT_JSON;
      c = load<u8>(++p);
    }
    if (c != 0x22) return NOT_JSON;
    p = afterString(p + 1);
    if (p == 0) return NOT_JSON;
    c = load<u8>(p);
    while (c <= 0x20) {
      if (c == 0x0a || c == 0x0d) lineBreak = LINE_BREAK;
      else if (c != 0x20 && c != 0x09) return NOT_JSON;
      c = load<u8>(++p);
    }
    if (c != 0x3a) return NOT_JSON;
    p++;
  }
  return NOT_JSON; // never reached; the compiler wants it
}

// @ts-ignore: decorator
@inline
function placesOf(closing: u32): i32 {
  return closing == 0x7d ? 2 : 1;
}

/** @param p behind the opening quote  @returns behind the closing one, or 0 */
function afterString(p: usize): usize {
  const quotes: v128 = i8x16.splat(0x22);
  const backslashes: v128 = i8x16.splat(0x5c);
  const space: v128 = i8x16.splat(0x20);
  while (true) {
    const bytes: v128 = v128.load(p);
    // signed "below a space" holds for control characters and for every byte above 0x7F
    const mask: i32 = i8x16.bitmask(v128.or(v128.or(i8x16.eq(bytes, quotes), i8x16.eq(bytes, backslashes)), i8x16.lt_s(bytes, space)));
    if (mask == 0) {
      p += 16;
      continue;
    }
    p += ctz(mask);
    let c: u32 = load<u8>(p);
    if (c == 0x22) return p + 1;
    if (c == 0x5c) {
      c = load<u8>(p + 1);
      if (c == 0x75) {
        if (!isEscape(p)) return 0;
        const half: u32 = surrogateHalf(p);
        p += 6;
        if (half == HIGH && load<u16>(p) == 0x755c && isEscape(p) && surrogateHalf(p) == LOW) p += 6;
        else if (half != 0) loneSurrogate = true;
      } else if (c == 0x22 || c == 0x5c || c == 0x2f || c == 0x62 || c == 0x66 || c == 0x6e || c == 0x72 || c == 0x74) p += 2;
      else return 0;
    } else if (c < 0x20) return 0;
    else {
      while (c >= 0x80) {
        const second: u32 = load<u8>(p + 1);
        if (c < 0xc2) return 0;
        else if (c < 0xe0) {
          if ((second & 0xc0) != 0x80) return 0;
          p += 2;
        } else if (c < 0xf0) {
          if ((second & 0xc0) != 0x80 || (load<u8>(p + 2) & 0xc0) != 0x80) return 0;
          if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f)) return 0;
          p += 3;
        } else {
          if (c > 0xf4 || (second & 0xc0) != 0x80 || (load<u8>(p + 2) & 0xc0) != 0x80 || (load<u8>(p + 3) & 0xc0) != 0x80) return 0;
          if ((c == 0xf0 && second < 0x90) || (c == 0xf4 && second > 0x8f)) return 0;
          p += 4;
        }
        c = load<u8>(p);
      }
    }
  }
}

/** Four hexadecimal digits behind the two bytes at `p`? */
function isEscape(p: usize): bool {
  return isHex(load<u8>(p + 2)) && isHex(load<u8>(p + 3)) && isHex(load<u8>(p + 4)) && isHex(load<u8>(p + 5));
}

const HIGH: u32 = 1;
const LOW: u32 = 2;

/** Which half of a surrogate pair the escape at `p` is, or 0: `\uD800` to `\uDBFF` the high one, `\uDC00` to `\uDFFF` the low one. */
function surrogateHalf(p: usize): u32 {
  if ((load<u8>(p + 2) | 0x20) != 0x64) return 0;
  const digit: u32 = load<u8>(p + 3) | 0x20;
  if (digit == 0x38 || digit == 0x39 || digit == 0x61 || digit == 0x62) return HIGH;
  return digit >= 0x63 ? LOW : 0;
}

// @ts-ignore: decorator
@inline
function isHex(c: u32): bool {
  return c - 0x30 < 10 || (c | 0x20) - 0x61 < 6;
}

/** @param p at `-` or a digit  @returns behind the number, or 0 */
function afterNumber(p: usize): usize {
  let c: u32 = load<u8>(p);
  if (c == 0x2d) c = load<u8>(++p);
  if (c == 0x30) c = load<u8>(++p);
  else {
    if (c - 0x31 >= 9) return 0;
    do c = load<u8>(++p);
    while (c - 0x30 < 10);
  }
  if (c == 0x2e) {
    c = load<u8>(++p);
    if (c - 0x30 >= 10) return 0;
    do c = load<u8>(++p);
    while (c - 0x30 < 10);
  }
  if ((c | 0x20) == 0x65) {
    c = load<u8>(++p);
    if (c == 0x2b || c == 0x2d) c = load<u8>(++p);
    if (c - 0x30 >= 10) return 0;
    do c = load<u8>(++p);
    while (c - 0x30 < 10);
  }
  return p;
}
