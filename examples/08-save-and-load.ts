/** Models come from files and go to files, in the layout of Hugging Face. */
import { BPETokenizer, Transformer, generate, loadModel, readSafetensors, saveModel } from "heed";

const text = "the cat sat on the mat and the dog sat on the log. ".repeat(20);
const tokenizer = BPETokenizer.train(text, { vocabSize: 300 });
const model = new Transformer(
  { vocabSize: tokenizer.vocabSize, contextLength: 32, dModel: 32, nLayers: 1, nHeads: 2 },
  { seed: 3 },
);

// A folder's path works the same way; a map keeps the files in memory.
const files = new Map<string, Uint8Array>();
await saveModel({ model, tokenizer }, files);
for (const [name, bytes] of files)
  console.log(`${name.padEnd(24)} ${bytes.length.toLocaleString("en-US").padStart(8)} bytes`);
console.log(`\nconfig.json: ${new TextDecoder().decode(files.get("config.json")).replaceAll(/\s+/g, " ")}\n`);

const weights = readSafetensors(files.get("model.safetensors") as Uint8Array);
for (const name of weights.names.slice(0, 6)) console.log(`${name.padEnd(30)} [${weights.shape(name).join(", ")}]`);
console.log(`… ${weights.names.length} tensors\n`);

const again = await loadModel(files);
const [before, after] = [
  await generate({ model, tokenizer }, "the cat", { maxNewTokens: 8 }),
  await generate(again, "the cat", { maxNewTokens: 8 }),
];
console.log(
  `an untrained model writes ${JSON.stringify(before.text)}; saved and loaded it writes ${before.text === after.text ? "the same" : "something else"}`,
);

// Weights may be held smaller than 32-bit floats: as they came, or as one asks for.
console.log();
for (const dtype of ["f32", "f16", "q8_0", "q4_0"] as const)
  console.log((await loadModel(files, { dtype })).model.summary().split("\n").at(-1));

// A damaged file says what is wrong.
files.set("model.safetensors", (files.get("model.safetensors") as Uint8Array).slice(0, 5000));
await loadModel(files).catch((error: Error) => console.log(`\n${error.name}: ${error.message}`));
