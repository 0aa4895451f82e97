/** Reads PromQL by the grammar of Prometheus' own editor: which series an expression asks for, and what it compares. Hides lezer. */
import { parser } from '@prometheus-io/lezer-promql';

type SyntaxNode = ReturnType<typeof parser.parse>['topNode'];

/** One series selector, such as `up{job="a"}`. */
export interface Selector {
  readonly metric: string;
  /** Without a range and an offset. */
  readonly text: string;
  /** The labels that it matches by. */
  readonly labels: readonly string[];
}

export interface Query {
  readonly selectors: readonly Selector[];
  /** Labels of `by (...)`, `on (...)` and `group_left (...)`. */
  readonly grouping: readonly string[];
  /** The ranges of `rate` and its like, as they are written. */
  readonly ranges: readonly string[];
  /** What has to be there for it to say anything: the operands of set operators, and of these the sides of comparisons. */
  readonly operands: readonly string[];
}

const SET_OPERATORS = ['And', 'Or', 'Unless'];
const COMPARISONS = ['Gtr', 'Gte', 'Lss', 'Lte', 'Eql', 'EqlC', 'Neq'];

/** @throws Error that shows where it is no PromQL. */
export function parseQuery(text: string): Query {
  const nodes: SyntaxNode[] = [];
  parser.parse(text).iterate({ enter: ({ node }) => void nodes.push(node) });
  const error = nodes.find(({ type }) => type.isError);
  if (error) throw new Error(`no PromQL at column ${error.from}: ${text}`);
  const named = (name: string) => nodes.filter((node) => node.name === name);
  const written = ({ from, to }: { from: number; to: number }) => text.slice(from, to);
  const [whole] = nodes[0] ? childrenOf(nodes[0]) : [];
  return {
    selectors: named('VectorSelector').map((node) => selectorOf(node, written)),
    grouping: named('GroupingLabels').flatMap((node) => childrenOf(node).map(written)),
    ranges: named('MatrixSelector').map((node) => written(node).replace(/^.*\[(.*)\]$/s, '$1')),
    operands: whole ? operandsOf(whole).map(written) : [],
  };
}

function operandsOf(node: SyntaxNode): readonly SyntaxNode[] {
  const children = childrenOf(node);
  const has = (names: readonly string[]) => children.some(({ name }) => names.includes(name));
  const [first, last] = [children[0], children.at(-1)];
  if (node.name !== 'BinaryExpr' || !first || !last) return [node];
  if (has(SET_OPERATORS)) return [...operandsOf(first), ...operandsOf(last)];
  if (has(COMPARISONS)) return [first, last].filter(({ name }) => name !== 'NumberDurationLiteral');
  return [node];
}

function selectorOf(node: SyntaxNode, written: (node: SyntaxNode) => string): Selector {
  const metric = node.getChild('Identifier');
  if (!metric) throw new Error(`a selector without a metric: ${written(node)}`);
  const matchers = node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
  const labels = matchers.flatMap((matcher) => matcher.getChildren('LabelName').map(written));
  return { metric: written(metric), text: written(node), labels };
}

function childrenOf(node: SyntaxNode): readonly SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) children.push(child);
  return children;
}
