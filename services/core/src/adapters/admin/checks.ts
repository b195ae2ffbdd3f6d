/** One condition a service needs to do its work. `detail` is the cause when it is not met, and may say more when it is; never a secret. */
export type Check = { name: string; ok: boolean; detail: string | null };

/** Answers of /readyz, /livez and /health as plain data. Pure. Text like Kubernetes prints it: `[+]database ok` and `[-]kafka failed: cause`. */
export function readiness(checks: readonly Check[]): {
  ok: boolean;
  text: string;
} {
  const ok = checks.every((check) => check.ok);
  const lines = checks.map((check) =>
    check.ok
      ? `[+]${check.name} ok${check.detail === null ? '' : `: ${check.detail}`}`
      : `[-]${check.name} failed: ${check.detail ?? 'no cause known'}`,
  );
  return { ok, text: `${[...lines, ok ? 'ready' : 'not ready'].join('\n')}\n` };
}
