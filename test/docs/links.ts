/** A link in a page. `target` without its `#anchor`; empty for one into the page itself. */
export type Link = { readonly line: number; readonly target: string; readonly anchor: string | undefined };

/** Links and images of a page in Markdown to places that are not on the web; none inside code. Pure. */
export function localLinks(page: string): Link[] {
  return withoutCode(page)
    .split('\n')
    .flatMap((line, index) =>
      [...line.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)].flatMap((match) => {
        const whole = match[1] ?? '';
        if (/^[a-z][a-z0-9+.-]*:/i.test(whole)) return [];
        const [target = '', anchor] = whole.split('#', 2);
        return [{ line: index + 1, target, anchor }];
      }),
    );
}

/** The anchors of a page's headings, as GitHub names them: the second of the same name gets `-1`. Pure. */
export function anchorsOf(page: string): Set<string> {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const line of withoutCode(page, 'blocks').split('\n')) {
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[`*]/g, '');
    const name = text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
      .trim()
      .replaceAll(/\s/g, '-');
    const times = seen.get(name) ?? 0;
    seen.set(name, times + 1);
    anchors.add(times === 0 ? name : `${name}-${times}`);
  }
  return anchors;
}

/** The page with its code blocks, and code in lines unless only blocks are asked for, emptied; lines keep their numbers. Pure. */
function withoutCode(page: string, what: 'all' | 'blocks' = 'all'): string {
  let fenced = false;
  return page
    .split('\n')
    .map((line) => {
      if (/^\s*```/.test(line)) {
        fenced = !fenced;
        return '';
      }
      if (fenced) return '';
      return what === 'all' ? line.replaceAll(/`[^`]*`/g, '') : line;
    })
    .join('\n');
}
