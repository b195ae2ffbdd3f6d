/** Where a live line is drawn; on anything but a terminal a plain line now and then. */
export type Screen = {
  /** A lasting line; the live line stays below it. */
  say(text: string): void;
  /** Replaces the live line. */
  live(text: string): void;
  /** Ends the live line, so that what follows stands on lines of its own. */
  done(): void;
};

/** Without a terminal the live line is printed so often. */
const PLAIN_INTERVAL_MS = 10_000;

export function createScreen(out: NodeJS.WriteStream, now: () => number = () => performance.now()): Screen {
  if (!out.isTTY) {
    let printedAt = Number.NEGATIVE_INFINITY;
    return {
      say: (text) => void out.write(`${text}\n`),
      live: (text) => {
        if (now() - printedAt < PLAIN_INTERVAL_MS) return;
        printedAt = now();
        out.write(`${text}\n`);
      },
      done: () => undefined,
    };
  }
  let line = '';
  const clear = () => line !== '' && out.write('\r\x1b[K');
  return {
    say: (text) => {
      clear();
      out.write(`${text}\n${line}`);
    },
    live: (text) => {
      clear();
      // one row only: a line that wraps could not be taken back
      line = text.slice(0, Math.max(20, (out.columns || 80) - 1));
      out.write(line);
    },
    done: () => {
      if (line !== '') out.write('\n');
      line = '';
    },
  };
}
