import { type CompletedCommand, type CompletedOption, namesOf } from './tree.ts';

/** Words that need no quoting in a shell script of ours. */
const quoted = (words: readonly string[]): string => `'${words.join(' ').replaceAll("'", "'\\''")}'`;

/**
 * Completion for bash 4 and later, in plain `complete`: no other package is needed. Pure.
 * The words before the cursor are walked for the command they name; a value of an option is passed over.
 */
export function bashScript(tree: readonly CompletedCommand[]): string {
  const cases = tree.map(({ path, commands, options, words }) => {
    const next = commands.length > 0 ? commands.map(({ name }) => name) : words;
    return `    ${quoted(path)}) next=${quoted(next)}; options=${quoted(options.flatMap(namesOf))} ;;`;
  });
  return `# bash completion for millrace: source <(millrace completion bash)
_millrace() {
  local current=\${COMP_WORDS[COMP_CWORD]} path= word i next= options=
  local taking=${quoted([...new Set(tree.flatMap(({ options }) => options.filter((option) => option.takesValue).flatMap(namesOf)))])}
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word == -* ]]; then
      [[ $word != *=* && " $taking " == *" $word "* ]] && ((i++))
    elif [[ " ${tree
      .filter(({ path }) => path.length > 0)
      .map(({ path }) => path.join('/'))
      .join(' ')} " == *" \${path:+\${path// //}/}$word "* ]]; then
      path=\${path:+$path }$word
    fi
  done
  case "\${COMP_WORDS[COMP_CWORD - 1]}" in
${[...valueCases(tree)].join('\n')}
  esac
  case "$path" in
${cases.join('\n')}
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  else
    COMPREPLY=($(compgen -W "$next" -- "$current"))
  fi
}
complete -F _millrace millrace
`;
}

/** What stands behind an option that takes a value. */
function* valueCases(tree: readonly CompletedCommand[]): Generator<string> {
  const seen = new Set<string>();
  const taking = tree.flatMap(({ options }) => options.filter((option) => option.takesValue));
  for (const option of taking) {
    const pattern = namesOf(option).join(' | ');
    if (seen.has(pattern)) continue;
    seen.add(pattern);
    yield `    ${pattern}) COMPREPLY=(${generator(option)}); return ;;`;
  }
}

const generator = ({ values, isFile }: CompletedOption): string =>
  values.length > 0 ? `$(compgen -W ${quoted(values)} -- "$current")` : isFile ? '$(compgen -f -- "$current")' : '';
