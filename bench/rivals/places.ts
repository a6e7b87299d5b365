/** Where things are, seen from the bundle in .build/bench/rivals/ at the root of the repository. */
import { fileURLToPath } from "node:url";

/** The root of the repository. */
export const ROOT: string = fileURLToPath(new URL("../../../", import.meta.url));

/** The folder of this benchmark. */
export const HERE: string = `${ROOT}bench/rivals/`;

/** The rivals. */
export const PACKAGES: string = `${HERE}node_modules/`;

/** Models and other files that are made once. */
export const CACHE: string = `${HERE}.cache/`;
