/** One change of a source file: `find` stands there exactly once. `file` is relative to the root of the project. */
export type Patch = { file: string; find: string; replace: string };

/** The text with the patches applied. Pure. @throws when a patch's text is not there exactly once: the code was changed and the bug must be planted anew */
export function planted(source: string, patches: readonly Patch[], file: string): string {
  let text = source;
  for (const { find, replace } of patches) {
    const times = text.split(find).length - 1;
    if (times !== 1) throw new Error(`${file}: a planted bug looks for a text that stands there ${times} times, not once:\n${find}`);
    text = text.replace(find, () => replace);
  }
  return text;
}
