/** Names and words that say nothing, `any`, and notes to be done later. */
import { basename } from "node:path";
import ts from "typescript";
import { type Rule, type Source, comments, isIn, nodes, report } from "./source.ts";

const EMPTY_FILE_NAMES = /^(utils?|helpers?|common)$/;
const EMPTY_NAMES = new Set(["utils", "helper", "manager", "tmp", "data2"]);
const LATER = /\b(TODO|FIXME|XXX|HACK)\b/;
const SILENCED = /@ts-(ignore|nocheck|expect-error)\b/;

/** The files that may say `any`, each with its reason: none. */
const ANY_ALLOWED: readonly string[] = [];

/** Every node of a kind of interest, as a violation. */
function eachNode(sources: readonly Source[], judge: (node: ts.Node) => string | undefined): string[] {
  return sources.flatMap((source) =>
    nodes(source.tree).flatMap((node) => {
      const what = judge(node);
      return what === undefined ? [] : [report(source, node, what)];
    }),
  );
}

/** No file or folder is called utils, helpers or common. */
export const fileNamesSaySomething: Rule = (sources) => {
  const parts = (path: string): string[] => path.split("/").map((part) => basename(part, ".ts").replace(/\.test$/, ""));
  const empty = sources.filter(({ path }) => parts(path).some((part) => EMPTY_FILE_NAMES.test(part)));
  return empty.map(({ path }) => `${path}:1: the file name says nothing about what is inside`);
};

/** No variable, function or member is called utils, helper, manager, tmp or data2. */
export const identifiersSaySomething: Rule = (sources) => {
  return eachNode(sources, (node) =>
    ts.isIdentifier(node) && EMPTY_NAMES.has(node.text) ? `"${node.text}" says nothing about what it is` : undefined,
  );
};

/** No type is `any`. */
export const nothingIsAny: Rule = (sources) => {
  const strict = sources.filter(({ path }) => !ANY_ALLOWED.includes(path));
  return eachNode(strict, (node) =>
    node.kind === ts.SyntaxKind.AnyKeyword ? "the type any; say what it is, or unknown" : undefined,
  );
};

/** No comment puts work off, and none silences the compiler; type tests may expect errors. */
export const commentsAreFinal: Rule = (sources) => {
  return sources.flatMap((source) =>
    comments(source).flatMap(({ text, position }) => {
      const silenced = SILENCED.exec(text);
      if (silenced && !(silenced[1] === "expect-error" && isIn(source, "test")))
        return [report(source, position, `${silenced[0]} silences the compiler`)];
      const later = LATER.exec(text);
      return later ? [report(source, position, `${later[0]}: do it now or open an issue`)] : [];
    }),
  );
};
