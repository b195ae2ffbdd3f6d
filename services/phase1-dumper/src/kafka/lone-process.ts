import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type ErrorKind, MillraceError } from '@millrace/core/domain/errors.ts';
import type { AloneAnswer, AloneRequest, LoneReader } from '../run/alone.ts';
import { type LoneOrder, loneAnswer, loneOrder, loneRequest } from './lone-messages.ts';

const program = fileURLToPath(new URL('../lone-main.ts', import.meta.url));
/** One reading, with the storing of what was read, may take so long, ms; a reader that takes longer hangs, which counts as a death. */
const answerTimeoutMs = 120_000;

/** A lone reader as a child process with the limits of this one. It reads nothing before its first request and ends with its standard input. */
export class LoneProcess implements LoneReader {
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #ended: Promise<string>;
  readonly #answers: AsyncIterator<string>;

  /** @throws kind `unavailable`, code `lone_reader_not_started`, when the machine refuses a process at once; some refusals are told by the first `read` */
  constructor(order: LoneOrder, start = startReader) {
    try {
      this.#child = start();
    } catch (cause) {
      throw notStarted('no process to be had', cause);
    }
    this.#ended = new Promise((resolve) => {
      this.#child.on('error', (error) => resolve(`it could not be started: ${error.message}`));
      this.#child.on('exit', (code, signal) => resolve(signal === null ? `it ended with code ${code}` : `it was ended by ${signal}`));
    });
    const { stdin, stdout } = this.#child;
    if (!stdin || !stdout) throw notStarted('no file descriptors left for its pipes');
    stdin.on('error', () => undefined); // its end is told by `exit`
    this.#input = stdin;
    this.#answers = createInterface({ input: stdout })[Symbol.asyncIterator]();
    this.#say(loneOrder.encode(order));
  }

  async read(request: AloneRequest, signal: AbortSignal): Promise<AloneAnswer> {
    const kill = () => void this.#child.kill('SIGKILL');
    const timer = setTimeout(kill, answerTimeoutMs);
    signal.addEventListener('abort', kill, { once: true });
    try {
      this.#say(loneRequest.encode(request));
      const line = await this.#answers.next();
      if (line.done) {
        const cause = await this.#ended;
        // a machine without room for one more process says nothing of the record
        if (this.#child.pid === undefined) throw notStarted(cause);
        return { status: 'died', cause };
      }
      const answer = loneAnswer.decode(JSON.parse(line.value));
      if (answer.status === 'failed')
        throw new MillraceError(answer.kind as ErrorKind, answer.code, `a lone reader says: ${answer.message}`);
      return answer;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', kill);
    }
  }

  close(): void {
    this.#child.kill('SIGKILL');
  }

  #say(message: unknown): void {
    this.#input.write(`${JSON.stringify(message)}\n`);
  }
}

const startReader = (): ChildProcess => spawn(process.execPath, [...process.execArgv, program], { stdio: ['pipe', 'pipe', 'inherit'] });

const notStarted = (why: string, cause?: unknown) =>
  new MillraceError('unavailable', 'lone_reader_not_started', `a lone reader: ${why}`, {}, cause);
