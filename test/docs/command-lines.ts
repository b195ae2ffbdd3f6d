import type { Command } from 'commander';
import { blocksOf, isCommands } from './pages.ts';

/** A call of our command line in a page: the words behind `millrace`. */
export type Call = { readonly words: readonly string[]; readonly whole: boolean };

/** Where one command of a shell line ends. */
const END = /\s(?:[|;&<>]|\d?>|&&|\|\|)|[;)]/;

/**
 * Every call of `millrace` in a page: those of command blocks whole, those in a line's code as far as they are written. Pure.
 */
export function callsOf(page: string): Call[] {
  const inBlocks = blocksOf(page)
    .filter(isCommands)
    .flatMap((block) => block.text.replaceAll('\\\n', ' ').split('\n'))
    .flatMap((line) =>
      [...line.matchAll(/(?:^(?:\$ )?\s*|\bnpx |\b(?:until|while|if|do|then) |! |[(|;&]\s*)millrace (.*)$/g)].map((match) => ({
        text: match[1] ?? '',
        whole: true,
      })),
    );
  const inLines = [...page.matchAll(/`(?:npx )?millrace ([^`]*)`/g)].map((match) => ({ text: match[1] ?? '', whole: false }));
  return [...inBlocks, ...inLines].map(({ text, whole }) => ({
    words: wordsOf(text.slice(0, text.search(END) >= 0 ? text.search(END) : undefined)),
    whole,
  }));
}

function wordsOf(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

/** What is wrong with a call; undefined when the program has that command with these options and arguments. Pure. */
export function wrongCall(program: Command, { words, whole }: Call): string | undefined {
  let command = program;
  const rest = [...words];
  for (;;) {
    const next = command.commands.find((one) => one.name() === rest[0]);
    if (next === undefined) break;
    command = next;
    rest.shift();
  }
  if (command.commands.length > 0 && rest[0] !== undefined && !/^-|^\[/.test(rest[0]) && !isOpen(rest[0]))
    return `${command.name()} has no command ${rest[0]}`;
  let given = 0;
  while (rest.length > 0) {
    const word = rest.shift() ?? '';
    const flag = word.replace(/^\[/, '').replace(/\]$/, '');
    if (!/^--?[a-z]/i.test(flag)) {
      if (!isOpen(word)) given += 1;
      continue;
    }
    const [name = '', value] = flag.split('=', 2);
    const option = command.options.find((one) => one.long === name || one.short === name);
    if (option === undefined && name !== '--help' && name !== '-h') return `${command.name()} has no option ${name}`;
    if (option?.required && value === undefined && rest.shift() === undefined && whole) return `${command.name()} ${name} needs a value`;
  }
  if (!whole) return undefined;
  const required = command.registeredArguments.filter((one) => one.required).length;
  const most = command.registeredArguments.some((one) => one.variadic) ? Number.POSITIVE_INFINITY : command.registeredArguments.length;
  if (given < required) return `${command.name()} needs ${required} arguments, not ${given}`;
  return given > most ? `${command.name()} takes ${most} arguments, not ${given}` : undefined;
}

/** A word that stands for something else in a sentence: `…`, `[--x]`, `list|get`. Pure. */
const isOpen = (word: string): boolean => /…|\||^\[/.test(word);
