/** One instruction of a Dockerfile, its continued lines joined. `flags` are those of the instruction itself, as `--mount` of RUN. */
export type Step = { readonly op: string; readonly flags: readonly string[]; readonly text: string; readonly line: number };

/** What stands between one FROM and the next. `name` is the one of `AS`, else `final` for the last stage, else its number. */
export type Stage = { readonly name: string; readonly base: string; readonly steps: readonly Step[] };

export type Dockerfile = { readonly args: Readonly<Record<string, string>>; readonly stages: readonly Stage[] };

const OPERATIONS = new Set([
  ...['FROM', 'ARG', 'RUN', 'COPY', 'ADD', 'ENV', 'LABEL', 'WORKDIR', 'USER', 'EXPOSE', 'VOLUME', 'STOPSIGNAL'],
  ...['HEALTHCHECK', 'ENTRYPOINT', 'CMD', 'SHELL', 'ONBUILD'],
]);

/**
 * Reads a Dockerfile: comments, continued lines, flags, stages, arguments. No here-documents, no other escape than the backslash. Pure.
 * @throws Error naming the line that is no instruction
 */
export function parseDockerfile(text: string): Dockerfile {
  const args: Record<string, string> = {};
  const stages: { name: string; base: string; steps: Step[] }[] = [];
  for (const step of instructions(text)) {
    const stage = stages.at(-1);
    if (step.op === 'FROM') {
      const match = /^(\S+)(?:\s+AS\s+(\S+))?$/i.exec(step.text);
      if (match === null) throw new Error(`line ${step.line}: FROM ${step.text} is not understood`);
      stages.push({ name: match[2] ?? String(stages.length), base: expand(match[1] ?? '', args), steps: [] });
    } else if (stage !== undefined) stage.steps.push(step);
    else if (step.op === 'ARG') Object.assign(args, assignments(step.text));
    else throw new Error(`line ${step.line}: ${step.op} before the first FROM`);
  }
  const last = stages.at(-1);
  if (last === undefined) throw new Error('a Dockerfile without FROM');
  if (last.name === String(stages.length - 1)) last.name = 'final';
  return { args, stages };
}

function* instructions(text: string): Generator<Step> {
  const lines = text.split('\n');
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1;
    let joined = lines[index] ?? '';
    if (/^\s*(#|$)/.test(joined)) continue;
    while (joined.endsWith('\\') && index + 1 < lines.length) {
      const next = lines[++index] ?? '';
      joined = joined.slice(0, -1) + (/^\s*#/.test(next) ? '\\' : next);
    }
    const match = /^\s*([A-Za-z]+)\s+(.*)$/s.exec(joined);
    const op = match?.[1]?.toUpperCase() ?? '';
    if (!OPERATIONS.has(op)) throw new Error(`line ${line}: ${joined.trim()} is no instruction`);
    const words = (match?.[2] ?? '').trim();
    // HEALTHCHECK's options belong to its text: they are not about how the step is built.
    const flags = op === 'HEALTHCHECK' ? [] : [...(/^(?:--\S+\s+)*/.exec(words)?.[0] ?? '').matchAll(/--\S+/g)].map(([flag]) => flag);
    yield { op, flags, text: words.slice(flags.reduce((sum, flag) => sum + flag.length, 0) + flags.length).trim() || words, line };
  }
}

/** `${NAME}` and `$NAME` replaced; unknown names become empty, as Docker has it. Pure. */
export function expand(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(
    /\$\{(\w+)\}|\$(\w+)/g,
    (_, braced: string | undefined, bare: string | undefined) => values[braced ?? bare ?? ''] ?? '',
  );
}

/** `A=1 B="two words"` of ENV, LABEL and ARG. Pure. */
export function assignments(text: string): Record<string, string> {
  const found = [...text.matchAll(/([\w.-]+)(?:=(?:"([^"]*)"|(\S*)))?/g)];
  return Object.fromEntries(found.map(([, name, quoted, bare]) => [name ?? '', quoted ?? bare ?? '']));
}

/** What is assigned by one kind of step over a stage, later ones winning. Pure. */
export function assigned(stage: Stage, op: 'ENV' | 'LABEL' | 'ARG'): Record<string, string> {
  return Object.assign({}, ...stage.steps.filter((step) => step.op === op).map((step) => assignments(step.text)));
}

/** The text of the last step of that kind, as `USER` and `STOPSIGNAL` are read; undefined when there is none. Pure. */
export const lastOf = (stage: Stage, op: string): string | undefined => stage.steps.findLast((step) => step.op === op)?.text;
