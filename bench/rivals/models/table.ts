/** Lines of the tables that the comparison of models prints. */

const NAME_WIDTH = 48;

/** One line: a mark, what was compared, and what came of it. */
export function resultLine(isEqual: boolean, name: string, result: string): string {
  return `${isEqual ? "ok    " : "DIFFER"}  ${name.padEnd(NAME_WIDTH)}  ${result}`;
}

/** A heading of a table. */
export function headLine(title: string, columns: string): string {
  return `\n${" ".repeat(8)}${title.padEnd(NAME_WIDTH)}  ${columns}`;
}
