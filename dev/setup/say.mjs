/** What the set-up tells people. Everything goes to stderr: stdout belongs to the script that runs afterwards. */

/** A set-up step that cannot go on: what failed, and what a person can do about it. */
export class SetupError extends Error {
  /**
   * @param {string} what one line
   * @param {string} advice what to do now
   * @param {string} [detail] the end of the failing command's output
   */
  constructor(what, advice, detail = '') {
    super(what);
    this.advice = advice;
    this.detail = detail;
  }
}

export const say = (line) => process.stderr.write(`setup: ${line}\n`);

const STILL_INTERVAL_MS = 30_000;

/** Runs a slow step between a line at its start and a line at its end, with a sign of life every 30 s. */
export async function announced(title, work) {
  const started = Date.now();
  const seconds = () => `${((Date.now() - started) / 1000).toFixed(1)} s`;
  say(`${title} …`);
  const still = setInterval(() => say(`${title}: still at it after ${seconds()}`), STILL_INTERVAL_MS);
  try {
    const result = await work();
    say(`${title}: done in ${seconds()}`);
    return result;
  } finally {
    clearInterval(still);
  }
}
