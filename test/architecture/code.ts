/** What library code may not do: engine-dependent mathematics, unseeded chance, foreign errors, output, early touches of the platform. */
import ts from "typescript";
import { type Rule, type Source, isDeferred, isIn, isReference, nodes, report } from "./source.ts";

/** Functions whose last bits ECMAScript leaves to the engine ("implementation-approximated"). */
const APPROXIMATED = new Set(
  "acos acosh asin asinh atan atan2 atanh cbrt cos cosh exp expm1 hypot log log10 log1p log2 pow sin sinh tan tanh".split(
    " ",
  ),
);
const PLATFORM = new Set([
  "process",
  "navigator",
  "fs",
  "window",
  "document",
  "location",
  "localStorage",
  "indexedDB",
  "Buffer",
  "require",
]);

/** Every node of src, cli.ts aside if so wanted, that `judge` finds wrong. */
function eachNode(
  sources: readonly Source[],
  withCli: boolean,
  judge: (node: ts.Node) => string | undefined,
): string[] {
  return sources
    .filter((source) => isIn(source, "src") && (withCli || source.path !== "src/cli.ts"))
    .flatMap((source) =>
      nodes(source.tree).flatMap((node) => {
        const what = judge(node);
        return what === undefined ? [] : [report(source, node, what)];
      }),
    );
}

/** `exp`, `log`, `sin` … are heed's own, so that results do not depend on the engine. */
export const mathematicsIsOurs: Rule = (sources) => {
  return eachNode(sources, true, (node) => {
    if (!ts.isIdentifier(node) || node.text !== "Math" || !isReference(node)) return undefined;
    if (!ts.isPropertyAccessExpression(node.parent)) return "Math is taken apart; call its functions by name";
    const { text } = node.parent.name;
    return APPROXIMATED.has(text) ? `Math.${text} differs between engines; use backend/math.ts` : undefined;
  });
};

/** Chance comes from a seeded `Random`: no Math.random, and no clock that could become a seed. */
export const chanceIsSeeded: Rule = (sources) => {
  return eachNode(sources, false, (node) => {
    if (!ts.isIdentifier(node)) return undefined;
    if (node.text === "Date" && isReference(node)) return "Date must not reach a result; time with performance.now()";
    const isRandom =
      node.text === "random" &&
      ts.isPropertyAccessExpression(node.parent) &&
      node.parent.expression.getText() === "Math";
    return isRandom ? "Math.random cannot be seeded; use Random" : undefined;
  });
};

/** Whatever src throws on purpose is a kind of `HeedError`. */
export const errorsAreHeedErrors: Rule = (sources) => {
  const kinds = heedErrors(sources);
  return eachNode(sources, true, (node) => {
    if (ts.isThrowStatement(node) && isText(node.expression)) return "throws a string; throw a HeedError";
    const made = ts.isNewExpression(node) || ts.isCallExpression(node) ? node.expression.getText() : "";
    const thrown = ts.isNewExpression(node) && ts.isThrowStatement(node.parent);
    const foreign = /^([A-Z]\w*)?Error$|^DOMException$/.test(made) || thrown;
    return foreign && !kinds.has(made) ? `new ${made}: throw a HeedError of errors.ts` : undefined;
  });
};

/** The names of all classes of src that descend from HeedError. */
function heedErrors(sources: readonly Source[]): Set<string> {
  const classes = sources
    .filter((source) => isIn(source, "src"))
    .flatMap((source) => nodes(source.tree).filter(ts.isClassDeclaration));
  const kinds = new Set(["HeedError"]);
  for (let before = 0; before !== kinds.size;) {
    before = kinds.size;
    for (const { name, heritageClauses } of classes) {
      const parent = heritageClauses
        ?.find(({ token }) => token === ts.SyntaxKind.ExtendsKeyword)
        ?.types[0].expression.getText();
      if (name && parent && kinds.has(parent)) kinds.add(name.text);
    }
  }
  return kinds;
}

function isText(node: ts.Expression): boolean {
  return (
    ts.isStringLiteralLike(node) ||
    ts.isTemplateExpression(node) ||
    (ts.isBinaryExpression(node) && (isText(node.left) || isText(node.right)))
  );
}

/** A library is silent: only cli.ts writes to the console. */
export const libraryIsSilent: Rule = (sources) => {
  return eachNode(sources, false, (node) => {
    return ts.isIdentifier(node) && node.text === "console" && isReference(node)
      ? "console: only cli.ts writes output"
      : undefined;
  });
};

/** Importing heed touches nothing of the platform: `process`, `navigator` and their kind are read inside functions only. */
export const importTouchesNothing: Rule = (sources) => {
  return eachNode(sources, false, (node) => {
    if (!ts.isIdentifier(node) || !PLATFORM.has(node.text) || !isReference(node) || isDeferred(node)) return undefined;
    return `${node.text} is touched when the file is imported; read it inside the function that needs it`;
  });
};
