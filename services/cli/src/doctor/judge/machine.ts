import { bytesText, type Finding, failure, ok, warning } from '../finding.ts';
import type { DoctorSettings, Role } from '../settings.ts';

/*
 * Decisions about the machine or container doctor runs in: facts in, lines out. Pure.
 */

const MiB = 2 ** 20;
/** What a phase-1 process needs besides its buffers (README, "Memory"), and a phase-2 process besides its batches, bytes. */
const workerBaseBytes = 320 * MiB;
/** A phase-1 process holds up to so many times its buffers' budget. */
const bufferFactor = 1.5;
const metastoreBytes = 256 * MiB;
/** A volume with less left than the first is full for us, bytes; one with less than the second will be soon. */
export type SpaceLimits = { fullBytes: number; lowBytes: number };
/** The state holds one small file a worker; a store holds everything. */
export const stateSpace: SpaceLimits = { fullBytes: MiB, lowBytes: 16 * MiB };
export const storeSpace: SpaceLimits = { fullBytes: 64 * MiB, lowBytes: 1024 * MiB };

/** @param needed as package.json's `engines` says it, `>=22.22` */
export function judgeNode(version: string, needed: string): Finding {
  const numbers = (text: string) => (/(\d+)\.?(\d*)/.exec(text) ?? []).slice(1).map(Number);
  const [major = 0, minor = 0] = numbers(version);
  const [majorMin = 0, minorMin = 0] = numbers(needed);
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return ok(`${version} (needed: ${majorMin}.${minorMin} or newer)`);
  return failure(
    `${version} is too old: ${majorMin}.${minorMin} or newer is needed`,
    `run the services under Node 24: install it from nodejs.org or use the image ghcr.io/millrace/millrace`,
  );
}

/**
 * Memory against what the settings let each role take.
 * @param limitBytes of the container, null when there is none  @param threads decode threads of phase 2
 */
export function judgeMemory(
  facts: { limitBytes: number | null; totalBytes: number; threads: number },
  settings: DoctorSettings,
  roles: readonly Role[],
): Finding[] {
  const here = facts.limitBytes ?? facts.totalBytes;
  const where = facts.limitBytes === null ? `this machine has ${bytesText(here)}` : `the container's limit is ${bytesText(here)}`;
  const findings: Finding[] = [];
  for (const role of roles) {
    const need = needOf(role, facts.threads, settings);
    if (here >= need.bytes) continue;
    findings.push(
      failure(
        `${where}, and ${role} may take ${bytesText(need.bytes)} (${need.because}): the kernel would end it under load`,
        `raise the memory limit to ${bytesText(need.bytes)} or more, or lower ${need.setting}`,
      ),
    );
  }
  const heap = settings.MILLRACE_WORKER_HEAP_BYTES + workerBaseBytes;
  if (findings.length === 0 && roles.includes('phase2') && here < heap)
    findings.push(
      warning(
        `${where}, less than one decode thread's heap (${bytesText(settings.MILLRACE_WORKER_HEAP_BYTES)}) and the base: a batch that is too large would end the whole process instead of its thread`,
        `lower MILLRACE_WORKER_HEAP_BYTES to ${Math.max(64, Math.floor((here - workerBaseBytes) / MiB))} MiB in bytes, or raise the limit to ${bytesText(heap)}`,
      ),
    );
  if (findings.length === 0)
    findings.push(
      ok(`${where}; ${roles.map((role) => `${role} needs ${bytesText(needOf(role, facts.threads, settings).bytes)}`).join(', ')}`),
    );
  return findings;
}

function needOf(role: Role, threads: number, settings: DoctorSettings): { bytes: number; because: string; setting: string } {
  if (role === 'metastore') return { bytes: metastoreBytes, because: 'its base', setting: 'nothing: this is the least it needs' };
  if (role === 'phase1') {
    const budget = settings.MILLRACE_BUFFER_BYTES_MAX;
    return {
      bytes: bufferFactor * budget + workerBaseBytes,
      because: `${bufferFactor} × MILLRACE_BUFFER_BYTES_MAX of ${bytesText(budget)} and ${bytesText(workerBaseBytes)}`,
      setting: 'MILLRACE_BUFFER_BYTES_MAX',
    };
  }
  const batches = threads + 1;
  return {
    bytes: batches * settings.MILLRACE_BATCH_BYTES + workerBaseBytes,
    because: `${batches} batches of MILLRACE_BATCH_BYTES ${bytesText(settings.MILLRACE_BATCH_BYTES)} and ${bytesText(workerBaseBytes)}`,
    setting: 'MILLRACE_BATCH_BYTES or MILLRACE_WORKER_THREADS',
  };
}

/** What a look at a folder brought. `writeError`: what the test file ended with, null when it could be written and removed. */
export type FolderFacts = { path: string; exists: boolean; freeBytes: number | null; writeError: { code: string; words: string } | null };

/** Writable, with room. Pure. @param setting that names the folder  @param use what is written there */
export function judgeFolder(facts: FolderFacts, setting: string, use: string, { fullBytes, lowBytes }: SpaceLimits): Finding {
  const { path, freeBytes, writeError } = facts;
  if (writeError !== null && (writeError.code === 'ENOSPC' || writeError.code === 'EDQUOT'))
    return failure(
      `${path} is full: ${writeError.words}`,
      `free space on its volume or enlarge it, or point ${setting} at another one; ${use} is written there`,
    );
  if (writeError !== null)
    return failure(
      `${path} cannot be ${facts.exists ? 'written' : 'made'}: ${writeError.words}`,
      `give the services' user the right to write there (chown, fsGroup; a read-only root file system needs a volume), or point ${setting} elsewhere; ${use} is written there`,
    );
  if (freeBytes !== null && freeBytes < fullBytes)
    return failure(
      `${path} has ${bytesText(freeBytes)} left`,
      `free space on its volume or enlarge it, or point ${setting} at another one`,
    );
  if (freeBytes !== null && freeBytes < lowBytes)
    return warning(`${path} has only ${bytesText(freeBytes)} left`, `free space on its volume or enlarge it before it is full`);
  return ok(
    `${path}${facts.exists ? '' : ' (made at the first write)'} is writable, ${freeBytes === null ? 'space unknown' : `${bytesText(freeBytes)} free`}`,
  );
}
