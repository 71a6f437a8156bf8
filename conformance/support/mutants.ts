import ts from "typescript";

/** A change of one place of a source file. */
export interface Mutant {
  readonly file: string;
  readonly line: number;
  /** The line as it is and as it becomes. */
  readonly was: string;
  readonly becomes: string;
  readonly text: string;
}

const COMPARISONS: ReadonlyMap<ts.SyntaxKind, string> = new Map([
  [ts.SyntaxKind.LessThanToken, "<="],
  [ts.SyntaxKind.LessThanEqualsToken, "<"],
  [ts.SyntaxKind.GreaterThanToken, ">="],
  [ts.SyntaxKind.GreaterThanEqualsToken, ">"],
  [ts.SyntaxKind.EqualsEqualsEqualsToken, "!=="],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, "==="],
  [ts.SyntaxKind.PlusToken, "-"],
  [ts.SyntaxKind.MinusToken, "+"],
  [ts.SyntaxKind.AmpersandAmpersandToken, "||"],
  [ts.SyntaxKind.BarBarToken, "&&"],
]);

/**
 * Mutants of a source file: numbers one larger, comparisons, sums and logical operators the other way, smallest and largest
 * swapped, conditions negated, loops over the engines in reverse.
 */
export function mutantsOf(file: string, text: string): readonly Mutant[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const mutants: Mutant[] = [];
  const replace = (node: ts.Node, by: string): void => {
    const [from, end] = [node.getStart(), node.getEnd()];
    const changed = text.slice(0, from) + by + text.slice(end);
    const { line } = source.getLineAndCharacterOfPosition(from);
    const lineOf = (whole: string): string => whole.split("\n")[line]!.trim();
    mutants.push({ file, line: line + 1, was: lineOf(text), becomes: lineOf(changed), text: changed });
  };
  const visit = (node: ts.Node): void => {
    // Initial values of fields are mostly overwritten before they are read.
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isPropertyDeclaration(node)) return;
    if (ts.isNumericLiteral(node)) replace(node, String(Number(node.text) + 1));
    if (ts.isBinaryExpression(node)) {
      const other = COMPARISONS.get(node.operatorToken.kind);
      if (other !== undefined) replace(node.operatorToken, other);
    }
    if (ts.isPropertyAccessExpression(node) && node.expression.getText() === "Math") {
      if (node.name.text === "min") replace(node.name, "max");
      if (node.name.text === "max") replace(node.name, "min");
      if (node.name.text === "ceil") replace(node.name, "floor");
      if (node.name.text === "floor") replace(node.name, "ceil");
    }
    if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken) {
      replace(node, node.operand.getText());
    }
    if (ts.isForOfStatement(node) && node.expression.getText() === "this.order") {
      replace(node.expression, "this.order.toReversed()");
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return mutants;
}
