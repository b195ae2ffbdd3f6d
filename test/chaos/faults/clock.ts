import { writeFileSync } from 'node:fs';
import { faketimeLibrary } from '../../../dev/setup/paths.mjs';

const library = faketimeLibrary();

/** The wall clock of one worker, shifted while it runs. Timers, which follow the monotonic clock, stay true. */
export class WorkerClock {
  readonly file: string;

  private constructor(file: string) {
    this.file = file;
    this.shift(0);
  }

  /** @param file where the shift is written; undefined where libfaketime is not installed */
  static open(file: string): WorkerClock | undefined {
    return library !== undefined ? new WorkerClock(file) : undefined;
  }

  /** Seconds ahead of the true time, or behind it when negative; the worker feels it within a second. */
  shift(seconds: number): void {
    writeFileSync(this.file, `${seconds < 0 ? '' : '+'}${seconds}\n`);
  }
}

/** What a process needs to live by this clock. */
export function clockEnv(clock: WorkerClock | undefined): Record<string, string> {
  if (clock === undefined || library === undefined) return {};
  return { LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: clock.file, FAKETIME_CACHE_DURATION: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' };
}
