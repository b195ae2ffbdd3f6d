import type { CompletedCommand } from './tree.ts';

/** A word of fish in single quotes. */
const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** Completion for fish. Pure. A line holds for the command whose words are typed, and for no command below it. */
export function fishScript(tree: readonly CompletedCommand[]): string {
  const paths = tree.filter(({ path }) => path.length > 0).map(({ path }) => quoted(path.join(' ')));
  return `# fish completion for millrace: millrace completion fish | source
function __millrace_at
    set -l path
    set -l typed (commandline -opc)
    set -e typed[1]
    for word in $typed
        if contains -- (string join -- ' ' $path $word) ${paths.join(' ')}
            set path $path $word
        end
    end
    set -l at (string join -- ' ' $path)
    test "$at" = "$argv"
end
complete -c millrace -f
${tree.flatMap(commandLines).join('\n')}
`;
}

function commandLines({ path, commands, options, words }: CompletedCommand): string[] {
  const here = `complete -c millrace -n ${quoted(`__millrace_at ${path.join(' ')}`.trim())}`;
  return [
    ...commands.map(({ name, description }) => `${here} -a ${quoted(name)} -d ${quoted(description)}`),
    ...(words.length === 0 ? [] : [`${here} -a ${quoted(words.join(' '))}`]),
    ...options.map(({ long, short, description, takesValue, values, isFile }) =>
      [
        here,
        ...(long === undefined ? [] : [`-l ${long.slice(2)}`]),
        ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
        ...(takesValue ? [values.length > 0 ? `-x -a ${quoted(values.join(' '))}` : isFile ? '-r -F' : '-x'] : []),
        `-d ${quoted(description)}`,
      ].join(' '),
    ),
  ];
}
