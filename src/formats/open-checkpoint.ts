/** Finding out in which format a model is there. */
import { ConfigError, FileError, FormatError } from "../errors.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { openGGUF } from "./checkpoint-gguf.ts";
import { openLlama2c } from "./checkpoint-llama2c.ts";
import { openSafetensors, openSurroundings } from "./checkpoint-safetensors.ts";
import { FILES } from "./files.ts";
import { readBeginning } from "./small-file.ts";
import type { ModelFile, ModelSource } from "./source.ts";

/**
 * Opens the model of a source and reads its headers, but no weights.
 *
 * A folder holds model.safetensors, or model.safetensors.index.json with the files that it names, each beside config.json; or
 * one .gguf file; or one llama2.c .bin file. A single file may be any of these, and a .safetensors file of another name.
 *
 * @param operation for messages
 * @throws FileError if files are missing, ConfigError if there are several to choose from, FormatError for bad ones
 */
export async function openCheckpoint(operation: string, source: ModelSource): Promise<Checkpoint> {
  const { file } = source;
  if (file === undefined || file === FILES.config) return openModelFolder(operation, source);
  return openFile(operation, source, file);
}

async function openFile(operation: string, source: ModelSource, name: string): Promise<Checkpoint> {
  const open = async (): Promise<ModelFile> => {
    const file = await source.open(name);
    if (file === undefined) throw new FileError(`${operation}: ${source.place}: there is no such file`, { file: name });
    return file;
  };
  if (/\.gguf$/i.test(name)) return openGGUF(await open());
  if (/\.bin$/i.test(name)) return openLlama2c(source, await open());
  if (!/\.safetensors(\.index\.json)?$/i.test(name)) {
    const file = await open();
    // A file may have lost its name, as a Blob has none.
    if (String.fromCharCode(...(await readBeginning(file, 4))) === "GGUF") return openGGUF(file);
    throw new FormatError(
      `${operation}: ${source.place}: not the file of a model; pass a folder, or a .safetensors, .gguf or llama2.c .bin file`,
      { file: name },
    );
  }
  if (/-\d+-of-\d+\.safetensors$/i.test(name))
    throw new ConfigError(
      `${operation}: ${source.place}: this is one part of a model; pass the folder, or its ${FILES.index}`,
      { file: name },
    );
  const config = await source.open(FILES.config);
  if (config !== undefined) return openSafetensors(source, await openSurroundings(source, config), await open());
  throw new FileError(`${operation}: ${source.place}: ${FILES.config} not found; it must lie beside ${name}`, {
    missing: [FILES.config],
  });
}

async function openModelFolder(operation: string, source: ModelSource): Promise<Checkpoint> {
  const config = await source.open(FILES.config);
  // A folder may hold a GGUF file beside a config.json of any kind; an address holds what is asked for.
  const early = config !== undefined && isAddress(source) ? await openSurroundings(source, config) : undefined;
  const weights = (await source.open(FILES.weights)) ?? (await source.open(FILES.index));
  if (config !== undefined && weights !== undefined)
    return openSafetensors(source, early ?? (await openSurroundings(source, config)), weights);
  const found = (await source.list()).sort();
  if (weights === undefined) {
    const models = found.filter((name) => /\.gguf$/i.test(name) && !/mmproj/i.test(name));
    if (config === undefined && models.length === 0) models.push(...found.filter((name) => LLAMA2C.test(name)));
    if (models.length > 1)
      throw new ConfigError(
        `${operation}: ${source.place}: there are several models here, ${models.join(", ")}; pass the path of the file`,
        { models },
      );
    if (models.length === 1 && (await source.open(models[0])) !== undefined)
      return openFile(operation, source, models[0]);
  }
  throw notFound(operation, source, found, [
    ...(config === undefined ? [FILES.config] : []),
    ...(weights === undefined ? [FILES.weights] : []),
  ]);
}

/** Files that may be llama2.c's: no tokenizer's, and none of PyTorch's. */
const LLAMA2C = /^(?!tok|pytorch_model|training_args|optimizer|scheduler)[^/\\]*\.bin$/i;

/** Whether the files lie on the web, which has no listings and is slow. */
function isAddress({ place }: ModelSource): boolean {
  return /^https?:/i.test(place);
}

function notFound(operation: string, source: ModelSource, found: string[], missing: string[]): FileError {
  const { place } = source;
  const shown = found.length === 0 ? "nothing" : found.slice(0, 8).join(", ") + (found.length > 8 ? ", …" : "");
  const here = isAddress(source) ? "a .gguf or .bin file has to be named in the address" : `here is ${shown}`;
  const pickled = found.find((name) => /^pytorch_model.*\.bin$|\.(pth|pt|ckpt)$/.test(name));
  const hint = pickled === undefined ? "" : `; ${pickled} is a file of PyTorch: save the model as safetensors`;
  return new FileError(
    `${operation}: ${place}: ${missing.join(" and ")} not found; a model needs ${FILES.config} and ${FILES.weights}, ${here}${hint}`,
    { missing, found },
  );
}
