/** Where things are, seen from the bundles in .build/bench/rivals/ at the root of the repository and in .build/ of this folder. */
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the repository. */
export const ROOT: string = fileURLToPath(new URL("../../../", import.meta.url));

/** The folder of this benchmark. */
export const HERE: string = `${ROOT}bench/rivals/`;

/** The rivals. */
export const PACKAGES: string = `${HERE}node_modules/`;

/** Models and other files that are made once. */
export const CACHE: string = `${HERE}.cache/`;

/** Vocabularies and texts that are no part of the project. */
export const DATA: string = join(resolve(ROOT, process.env.HEED_DATA ?? join("..", "shared", "data")), "/");
