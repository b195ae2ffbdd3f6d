/** Tells whether a path of the build context, relative and with slashes, is kept from the engine. */
export type Ignored = (path: string) => boolean;

/**
 * Reads a .dockerignore: the last pattern that fits a path or a folder above it decides; `!` takes it back. Pure.
 * `*` and `?` stay within a name, `**` crosses any number of folders.
 */
export function parseDockerignore(text: string): Ignored {
  const rules = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const keeps = line.startsWith('!');
      return { keeps, pattern: toPattern((keeps ? line.slice(1) : line).replace(/^\/|\/$/g, '')) };
    });
  return (path) => rules.findLast(({ pattern }) => pattern.test(path))?.keeps === false;
}

function toPattern(glob: string): RegExp {
  const body = glob
    .split(/(\*\*\/|\*\*|\*|\?)/)
    .map((part) => {
      if (part === '**/') return '(?:.*/)?';
      if (part === '**') return '.*';
      if (part === '*') return '[^/]*';
      if (part === '?') return '[^/]';
      return part.replace(/[.+^${}()|[\]\\]/g, '\\$&');
    })
    .join('');
  return new RegExp(`^${body}(?:/.*)?$`);
}
