/** Sizes that keep the tree readable, and a comment on everything that is exported. */
import ts from "typescript";
import { type Rule, type Source, isIn, nodes, report } from "./source.ts";

const FILE_LINES = 400;
const FUNCTION_LINES = 80;
const MEDIAN_FUNCTION_LINES = 35;
const EXAMPLE_LINES = 80;

function lineOf(source: Source, position: number): number {
  return source.tree.getLineAndCharacterOfPosition(position).line;
}

function fileLines(source: Source): number {
  return source.tree.text.trimEnd().split("\n").length;
}

/** Every function with a body, and its lines without the comment above it. */
function functions(source: Source): { node: ts.Node; name: string; lines: number }[] {
  return nodes(source.tree).flatMap((node) => {
    if (!ts.isFunctionLike(node) || !("body" in node) || node.body === undefined) return [];
    const lines = lineOf(source, node.getEnd()) - lineOf(source, node.getStart(source.tree)) + 1;
    const named =
      node.name ??
      (ts.isVariableDeclaration(node.parent) || ts.isPropertyAssignment(node.parent) ? node.parent.name : undefined);
    return [{ node, name: named?.getText(source.tree) ?? "a function", lines }];
  });
}

/** No file is longer than 400 lines. */
export const filesAreShort: Rule = (sources) => {
  const long = sources.filter((source) => fileLines(source) > FILE_LINES);
  return long.map(
    (source) =>
      `${source.path}:${FILE_LINES}: the file has ${fileLines(source)} lines, at most ${FILE_LINES} are allowed`,
  );
};

/** No function of src, bench and examples is longer than 80 lines. A test file's `describe` may be. */
export const functionsAreShort: Rule = (sources) => {
  return sources
    .filter((source) => isIn(source, "src", "bench", "examples"))
    .flatMap((source) =>
      functions(source)
        .filter(({ lines }) => lines > FUNCTION_LINES)
        .map(({ node, name, lines }) =>
          report(source, node, `${name} has ${lines} lines, at most ${FUNCTION_LINES} are allowed`),
        ),
    );
};

/** Half of the functions of src are no longer than 35 lines. */
export const medianFunctionIsShort: Rule = (sources) => {
  const lengths = sources
    .filter((source) => isIn(source, "src"))
    .flatMap(functions)
    .map(({ lines }) => lines)
    .sort((a, b) => a - b);
  const median = lengths[lengths.length >> 1] ?? 0;
  return median > MEDIAN_FUNCTION_LINES
    ? [`src: the median function has ${median} lines, at most ${MEDIAN_FUNCTION_LINES} are allowed`]
    : [];
};

/** A numbered example fits on one screen: fewer than 80 lines. */
export const examplesAreShort: Rule = (sources) => {
  const long = sources.filter((source) => /^examples\/\d+-/.test(source.path) && fileLines(source) >= EXAMPLE_LINES);
  return long.map(
    (source) =>
      `${source.path}:${EXAMPLE_LINES}: the example has ${fileLines(source)} lines, fewer than ${EXAMPLE_LINES} are allowed`,
  );
};

/** Every file opens with a comment that says what it is for; a test's name says it. */
export const filesAreIntroduced: Rule = (sources) => {
  const bare = sources.filter(
    (source) => !source.path.endsWith(".test.ts") && !/^(#!.*\n)?\s*\/[*/]/.test(source.tree.text),
  );
  return bare.map((source) => `${source.path}:1: the file does not open with a comment that says what it is for`);
};

/** Every declaration that src exports has a doc comment. */
export const exportsAreDocumented: Rule = (sources) => {
  return sources
    .filter((source) => isIn(source, "src"))
    .flatMap((source) => {
      const seen = new Set<string>(); // overloads share the comment of the first
      return exportedDeclarations(source).flatMap((statement) => {
        const name = nameOf(source, statement);
        if (seen.has(name) && ts.isFunctionDeclaration(statement)) return [];
        seen.add(name);
        return hasDocComment(source, statement) ? [] : [report(source, statement, `export ${name} has no doc comment`)];
      });
    });
};

/** Top-level declarations that carry `export` or stand in an `export { … }` of their own file. */
function exportedDeclarations(source: Source): ts.Statement[] {
  const lists = source.tree.statements.filter(
    (statement) => ts.isExportDeclaration(statement) && !statement.moduleSpecifier,
  ) as ts.ExportDeclaration[];
  const specifiers = lists.flatMap(({ exportClause }) =>
    exportClause && ts.isNamedExports(exportClause) ? [...exportClause.elements] : [],
  );
  const listed = new Set(specifiers.map(({ name, propertyName }) => (propertyName ?? name).text));
  return source.tree.statements.filter((statement) => {
    if (ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)) return false;
    const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
    return modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) || listed.has(nameOf(source, statement));
  });
}

function nameOf(source: Source, statement: ts.Statement): string {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => name.getText(source.tree)).join(", ");
  return "name" in statement && statement.name ? (statement.name as ts.Node).getText(source.tree) : "default";
}

/** A file's opening comment counts as the first declaration's own only where nothing else stands between them. */
function hasDocComment(source: Source, statement: ts.Statement): boolean {
  const ranges = ts.getLeadingCommentRanges(source.tree.text, statement.getFullStart()) ?? [];
  return ranges.some(({ pos }) => source.tree.text.startsWith("/**", pos));
}
