import { bashScript } from './bash.ts';
import { fishScript } from './fish.ts';
import type { CompletedCommand } from './tree.ts';
import { zshScript } from './zsh.ts';

/** What writes the completion of a shell, from the commands alone. Each is pure. */
export const shells: Readonly<Record<'bash' | 'zsh' | 'fish', (tree: readonly CompletedCommand[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};
