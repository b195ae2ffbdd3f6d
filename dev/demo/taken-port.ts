import type { Part } from '../stack/part.ts';

/** How often a service gets another port at one start; somebody who takes ports faster is left to a person. */
const PORT_CHANGES_MAX = 5;

/** The port a service found taken, by its own words in its log or error; undefined when it ended for another reason. Pure. */
export function takenPort(words: string): number | undefined {
  const port = /port (\d+) on \S+ is taken/.exec(words)?.[1];
  return port === undefined ? undefined : Number(port);
}

/**
 * Starts a service; when a port that was free when it was chosen has been taken since, another is chosen and it starts again.
 * @param changePort gives the service another port in place of `taken`; false where that port must stay
 * @throws what the start throws for any other reason, and after `PORT_CHANGES_MAX` changes
 */
export async function startOnFreePorts(part: Pick<Part, 'start'>, changePort: (taken: number) => Promise<boolean>): Promise<void> {
  for (let changes = 0; ; changes++) {
    try {
      await part.start();
      return;
    } catch (error) {
      const taken = takenPort((error as Error).message);
      if (taken === undefined || changes === PORT_CHANGES_MAX || !(await changePort(taken))) throw error;
    }
  }
}
