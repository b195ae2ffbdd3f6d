import type { Command, Option } from 'commander';

/** A command as a shell completes it. `path` are the words after `millrace`, empty for the program itself. */
export type CompletedCommand = {
  path: readonly string[];
  commands: readonly { name: string; description: string }[];
  options: readonly CompletedOption[];
  /** words its first argument may be; empty: anything */
  words: readonly string[];
};

export type CompletedOption = {
  /** with its dashes, e.g. `--output`; at least one of the two is there */
  long: string | undefined;
  short: string | undefined;
  description: string;
  takesValue: boolean;
  /** words the value may be; empty: anything */
  values: readonly string[];
  /** the value is the path of a file */
  isFile: boolean;
};

/** The program and all its commands, outermost first. Pure. */
export function commandTree(program: Command, path: readonly string[] = []): CompletedCommand[] {
  const help = program.createHelp();
  const shown = help.visibleCommands(program);
  const [argument] = program.registeredArguments;
  return [
    {
      path,
      commands: shown.map((command) => ({ name: command.name(), description: firstWords(help.subcommandDescription(command)) })),
      options: help.visibleOptions(program).map(completed),
      words: argument?.argChoices ?? [],
    },
    // the help command is made by commander and has nothing below it
    ...program.commands.flatMap((command) => commandTree(command, [...path, command.name()])),
  ];
}

const completed = (option: Option): CompletedOption => ({
  long: option.long,
  short: option.short,
  description: firstWords(option.description),
  takesValue: option.required || option.optional,
  values: option.argChoices ?? [],
  isFile: /<file>$/i.test(option.flags),
});

/** A description as a shell shows it: one line, cut where it explains. */
const firstWords = (text: string): string => (text.split(/; | \(/)[0] ?? '').trim();

/** Names of an option as typed. Pure. */
export const namesOf = ({ long, short }: CompletedOption): string[] => [long, short].filter((name) => name !== undefined);
