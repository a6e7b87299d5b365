/** Files that are read as a whole, and beginnings of large ones. */
import { FormatError } from "../errors.ts";
import { readFields } from "./fields.ts";
import type { Fields } from "./fields.ts";
import { readWhole } from "./source.ts";
import type { ModelFile, ModelSource } from "./source.ts";

/** Far beyond every vocabulary: what is larger is no description of a model. */
const MAX_BYTES = 2 ** 29;

/** The content of a file that is there. Throws a FormatError for one of more than 512 MiB. */
export async function readSmall(file: ModelFile): Promise<Uint8Array> {
  if (file.size > MAX_BYTES)
    throw new FormatError(`${file.name}: ${file.size} bytes; at most ${MAX_BYTES} are read of such a file`, {
      file: file.name,
    });
  return readWhole(file);
}

/** The JSON object in a file; undefined if there is no such file. */
export async function readFieldsOf(file: ModelFile | undefined): Promise<Fields | undefined> {
  return file && readFields(await readSmall(file), file.name);
}

/** The files of these names that are there, by name. */
export async function openAll<Name extends string>(
  source: ModelSource,
  names: readonly Name[],
): Promise<Map<Name, ModelFile>> {
  const found = new Map<Name, ModelFile>();
  for (const name of names) {
    const file = await source.open(name);
    if (file !== undefined) found.set(name, file);
  }
  return found;
}

/**
 * The first bytes of a file, or all where it has no more. What is known already is not read again.
 *
 * @param known the first bytes, as far as they are there
 */
export async function readBeginning(
  file: ModelFile,
  bytes: number,
  known: Uint8Array = new Uint8Array(0),
): Promise<Uint8Array> {
  if (bytes > MAX_BYTES)
    throw new FormatError(`${file.name}: its header has more than ${MAX_BYTES} bytes, which no model needs`, {
      file: file.name,
    });
  const out = new Uint8Array(Math.min(bytes, file.size));
  out.set(known);
  await file.read(known.length, out.subarray(known.length));
  return out;
}
