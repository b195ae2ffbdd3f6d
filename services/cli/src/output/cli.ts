import { styleText } from 'node:util';
import { describeError, MillraceError } from '@millrace/core/domain/errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What a command ends with, the same for all: `0` done, or the answer is yes · `1` the answer is no: differences, a failed check, a limit that is passed ·
 * `2` it could not ask: wrong usage, a side that is away, something that is not there.
 */
export type ExitCode = 0 | 1 | 2;

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow';

/** What a command may touch of the process it runs in; a test gives its own. */
export type Cli = {
  readonly env: Environment;
  /** Writes to standard output; settles when it is handed on. @throws code `reader_gone` when nobody reads any more */
  write(chunk: string | Uint8Array): Promise<void>;
  /** A line to standard error. */
  complain(text: string): void;
  /** Coloured for standard output; the text as it is when that is no terminal or `NO_COLOR` is set. */
  paint(style: Style, text: string): string;
  end(code: ExitCode): void;
};

/** The real process. @param env its environment */
export function processCli(env: Environment): Cli {
  const { stdout, stderr } = process;
  // told through the callback of the write; without a listener it would end the process
  stdout.on('error', () => undefined);
  return {
    env,
    write: (chunk) =>
      new Promise((resolve, reject) => {
        stdout.write(chunk, (error) => (error === null || error === undefined ? resolve() : reject(writeError(error))));
      }),
    complain: (text) => void stderr.write(`${text}\n`),
    paint: (style, text) => styleText(style, text, { stream: stdout }),
    end: (code) => {
      process.exitCode = code;
    },
  };
}

function writeError(cause: NodeJS.ErrnoException): MillraceError {
  return cause.code === 'EPIPE'
    ? new MillraceError('unavailable', 'reader_gone', 'nobody reads standard output any more', {}, cause)
    : new MillraceError('unavailable', 'output_failed', 'standard output cannot be written', {}, cause);
}

/** Runs a command: its exit code is set, an error is said on standard error with exit code 2. A reader that has seen enough (`| head`) is no error. */
export async function run(cli: Cli, command: () => Promise<ExitCode>): Promise<void> {
  try {
    cli.end(await command());
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'reader_gone') return cli.end(0);
    cli.complain(describeError(error));
    cli.end(2);
  }
}
