/** Which files an address means. */
import { expect, it } from "vitest";
import { fileAddress, readAddress } from "../../src/formats/hub-address.ts";

const hub = "https://huggingface.co";

it.each([
  [`${hub}/org/name`, `${hub}/org/name/resolve/main/`, undefined],
  [`${hub}/org/name/`, `${hub}/org/name/resolve/main/`, undefined],
  ["http://www.hf.co/gpt2", "http://www.hf.co/gpt2/resolve/main/", undefined],
  [`${hub}/gpt2/tree/v1`, `${hub}/gpt2/resolve/v1/`, undefined],
  [`${hub}/org/name/tree/refs%2Fpr%2F1/sub`, `${hub}/org/name/resolve/refs%2Fpr%2F1/sub/`, undefined],
  [`${hub}/org/name/blob/main/a%20b.gguf?x=1#y`, `${hub}/org/name/resolve/main/?x=1`, "a b.gguf"],
  [`${hub}/org/name/raw/main/config.json`, `${hub}/org/name/resolve/main/`, "config.json"],
  [`${hub}/org/name/resolve/v2/x.safetensors`, `${hub}/org/name/resolve/v2/`, "x.safetensors"],
  [`${hub}/org/name/discussions/1`, `${hub}/org/name/discussions/1/`, undefined],
  [`${hub}/datasets/org/name`, `${hub}/datasets/org/name/`, undefined],
  ["https://example.org/a/b", "https://example.org/a/b/", undefined],
  ["HTTPS://example.org", "https://example.org/", undefined],
  ["https://example.org/a/X.GGUF?download=true", "https://example.org/a/?download=true", "X.GGUF"],
  ["https://example.org/a/%zz.bin", "https://example.org/a/", "%zz.bin"],
])("%s", (address, folder, file) => {
  const read = readAddress("test", address);
  expect([read.folder.href, read.file]).toEqual([folder, file]);
});

it("puts names behind the folder", () => {
  const { folder } = readAddress("test", "https://example.org/a/?q=1");
  expect(fileAddress(folder, "sub/b c?.bin").href).toBe("https://example.org/a/sub/b%20c%3F.bin?q=1");
});
