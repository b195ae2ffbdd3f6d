import { parser } from '@prometheus-io/lezer-promql';

/* What can be read off a PromQL expression without a Prometheus. All pure. */

type Place = { from: number; to: number };

/** Every node of that name, in the order of the text. */
function places(expression: string, name: string): Place[] {
  const found: Place[] = [];
  parser.parse(expression).iterate({
    enter: (node) => {
      if (node.name === name) found.push({ from: node.from, to: node.to });
    },
  });
  return found;
}

/** Where the expression is not PromQL, as text around each place; empty when it parses. */
export function syntaxErrors(expression: string): string[] {
  if (expression.trim() === '') return ['the expression is empty'];
  return places(expression, '⚠').map(({ from, to }) => `at ${from}: …${expression.slice(Math.max(0, from - 20), to + 20)}…`);
}

/** Names of the metrics that an expression selects, each once, in the order of the text. */
export function metricsOf(expression: string): string[] {
  const names = new Set<string>();
  parser.parse(expression).iterate({
    enter: (node) => {
      if (node.name !== 'VectorSelector') return;
      const identifier = node.node.getChild('Identifier');
      if (identifier !== null) names.add(expression.slice(identifier.from, identifier.to));
    },
  });
  return [...names];
}

/** The expression with every duration (ranges, subqueries, offsets) replaced. Numbers stay: a threshold of 300 s is no window. */
export function withDurations(expression: string, replaced: (duration: string) => string): string {
  let text = expression;
  for (const { from, to } of places(expression, 'NumberDurationLiteralInDurationContext').toReversed())
    text = text.slice(0, from) + replaced(text.slice(from, to)) + text.slice(to);
  return text;
}
