/** Source files as syntax trees, and the few questions that the architecture rules ask of them. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

/** One file: its path from the root of the repository, with forward slashes, and its syntax tree. */
export interface Source {
  readonly path: string;
  readonly tree: ts.SourceFile;
}

/** One import of a file, or a re-export from another file. */
export interface Import {
  readonly node: ts.Node;
  readonly specifier: string;
  /** The imported file's path from the root of the repository; undefined for a package. */
  readonly target: string | undefined;
  /** Gone at run time: `import type`, `export type`, `import("x").T`. */
  readonly typeOnly: boolean;
  /** `import("x")` at run time. */
  readonly dynamic: boolean;
}

/** A rule: one line for each violation, "file:line: what". */
export type Rule = (sources: readonly Source[]) => string[];

/** The root of the repository, with a slash at its end. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url));

/** Parses one file. */
export function parse(path: string, text: string): Source {
  return { path, tree: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) };
}

/** Paths of all TypeScript files below a folder of the repository, from its root. */
export function listFiles(folder: string): string[] {
  if (!existsSync(root + folder)) return [];
  const paths = readdirSync(root + folder, { recursive: true, encoding: "utf8" }).map(
    (path) => `${folder}/${path.replaceAll("\\", "/")}`,
  );
  return paths.filter((path) => path.endsWith(".ts") && !path.includes("/node_modules/")).sort();
}

/** Parses every TypeScript file of src, test, bench and examples. */
export function readRepository(): Source[] {
  return ["src", "test", "bench", "examples"]
    .flatMap(listFiles)
    .map((path) => parse(path, readFileSync(root + path, "utf8")));
}

/** Whether a file lies in one of these top-level folders. */
export function isIn(source: Source, ...folders: string[]): boolean {
  return folders.includes(source.path.split("/")[0]);
}

/** "file:line: what" for a node, or for a position in the text. */
export function report(source: Source, where: ts.Node | number, what: string): string {
  const position = typeof where === "number" ? where : where.getStart(source.tree);
  return `${source.path}:${source.tree.getLineAndCharacterOfPosition(position).line + 1}: ${what}`;
}

/** The nodes of files that were walked before: a dozen rules ask for the same. */
const walked = new WeakMap<ts.SourceFile, ts.Node[]>();

/** Every node of a file, in the order of the text. */
export function nodes(from: ts.SourceFile): ts.Node[] {
  const known = walked.get(from);
  if (known) return known;
  const found: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    found.push(node);
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(from, visit);
  walked.set(from, found);
  return found;
}

/** All imports of a file. */
export function imports(source: Source): Import[] {
  return nodes(source.tree).flatMap((node) => {
    if (ts.isImportDeclaration(node))
      return [describeImport(source, node, node.moduleSpecifier, node.importClause?.isTypeOnly ?? false, false)];
    if (ts.isExportDeclaration(node) && node.moduleSpecifier)
      return [describeImport(source, node, node.moduleSpecifier, node.isTypeOnly, false)];
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      return [describeImport(source, node, node.argument.literal, true, false)];
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      return [describeImport(source, node, node.arguments[0], false, true)];
    return [];
  });
}

function describeImport(source: Source, node: ts.Node, literal: ts.Node, typeOnly: boolean, dynamic: boolean): Import {
  const specifier = ts.isStringLiteralLike(literal) ? literal.text : literal.getText(source.tree);
  const target = specifier.startsWith(".") ? posix.join(posix.dirname(source.path), specifier) : undefined;
  return { node, specifier, target, typeOnly, dynamic };
}

/** The text and position of every comment of a file. A comment stands before or behind some token, which may be a mere brace. */
export function comments(source: Source): { text: string; position: number }[] {
  const found = new Map<number, string>();
  const { text } = source.tree;
  const visit = (node: ts.Node): void => {
    if (ts.isJSDoc(node)) return;
    const children = node.getChildren(source.tree); // tokens too, unlike forEachChild
    children.forEach(visit);
    if (children.length > 0) return;
    const ranges = [
      ...(ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []),
      ...(ts.getTrailingCommentRanges(text, node.getEnd()) ?? []),
    ];
    for (const { pos, end } of ranges) found.set(pos, text.slice(pos, end));
  };
  visit(source.tree);
  return [...found].map(([position, comment]) => ({ text: comment, position })).sort((a, b) => a.position - b.position);
}

/** Whether a node runs later than its file: inside a function, or the initial value of an instance field. */
export function isDeferred(node: ts.Node): boolean {
  for (let at: ts.Node | undefined = node.parent; at; at = at.parent) {
    if (ts.isFunctionLike(at)) return true;
    if (
      ts.isPropertyDeclaration(at) &&
      !at.modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.StaticKeyword)
    )
      return true;
  }
  return false;
}

/** Whether an identifier reads a variable of that name, also as a member of `globalThis`; false for declarations, members and types. */
export function isReference(node: ts.Identifier): boolean {
  const parent = node.parent;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node)
    return parent.expression.getText() === "globalThis";
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  if (ts.isTypeNode(parent) && !ts.isExpressionWithTypeArguments(parent)) return false;
  if (ts.isQualifiedName(parent) || ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent)) return false;
  return !("name" in parent && parent.name === node) && !("propertyName" in parent && parent.propertyName === node);
}
