import { type CompletedCommand, type CompletedOption, namesOf } from './tree.ts';

/** A word of zsh in single quotes. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
/** In `name:description` a colon of the name is escaped. */
const described = (name: string, description: string): string => quoted(`${name.replaceAll(':', '\\:')}:${description}`);

/** Completion for zsh. Pure. The words before the cursor are walked for the command they name; a value of an option is passed over. */
export function zshScript(tree: readonly CompletedCommand[]): string {
  const paths = tree.filter(({ path }) => path.length > 0).map(({ path }) => quoted(path.join(' ')));
  const taking = [...new Set(tree.flatMap(({ options }) => options.filter((option) => option.takesValue).flatMap(namesOf)))];
  return `#compdef millrace
# zsh completion for millrace: source <(millrace completion zsh)
_millrace() {
  local command_path= word i
  local -a next opts
  local -a paths=(${paths.join(' ')})
  local -a taking=(${taking.join(' ')})
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    if [[ $word == -* ]]; then
      [[ $word != *=* ]] && ((\${taking[(Ie)$word]})) && ((i++))
    elif ((\${paths[(Ie)\${command_path:+$command_path }$word]})); then
      command_path="\${command_path:+$command_path }$word"
    fi
  done
  case "\${words[CURRENT - 1]}" in
${valueCases(tree).join('\n')}
  esac
  case "$command_path" in
${tree.map(commandCase).join('\n')}
  esac
  if [[ \${words[CURRENT]} == -* ]]; then
    _describe -o option opts
  else
    _describe command next
  fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _millrace "$@"
else
  compdef _millrace millrace
fi
`;
}

function commandCase({ path, commands, options, words }: CompletedCommand): string {
  const next = commands.length > 0 ? commands.map(({ name, description }) => described(name, description)) : words.map(quoted);
  const named = options.flatMap((option) => namesOf(option).map((name) => described(name, option.description)));
  return `    ${quoted(path.join(' '))}) next=(${next.join(' ')}); opts=(${named.join(' ')}) ;;`;
}

function valueCases(tree: readonly CompletedCommand[]): string[] {
  const cases = new Map<string, string>();
  for (const option of tree.flatMap(({ options }) => options.filter(({ takesValue }) => takesValue)))
    cases.set(namesOf(option).join(' | '), generator(option));
  return [...cases].map(([pattern, words]) => `    ${pattern}) ${words}; return ;;`);
}

const generator = ({ values, isFile }: CompletedOption): string =>
  values.length > 0 ? `compadd -- ${values.map(quoted).join(' ')}` : isFile ? '_files' : ':';
