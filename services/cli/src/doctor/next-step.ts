/** How the API says that a breaking change may be gone over; everything behind it says what then happens. */
const breakingStep =
  /(?:see GET \/v1\/datasets\/\S+?\/schemas\/\d+; )?PUT \/v1\/datasets\/([^/\s]+)\/resume evaluates again, with \{"breaking":"quarantine"\} /;
const resumeStep = /PUT \/v1\/datasets\/([^/\s]+)\/resume/g;

/** What a person can do, as commands of this program instead of requests of the API. What holds no request stays as it is. Pure. */
export function nextStep(nextAction: string): string {
  return nextAction
    .replace(breakingStep, 'millrace datasets resume $1 evaluates again; with millrace datasets resume $1 --breaking quarantine ')
    .replace(resumeStep, 'millrace datasets resume $1');
}
