// Rewrites public-exports.ts, the literals that exports.test.ts compares with the source. Run it through
// `npm run pin-exports` after a wanted change of the public surface, and review what it changed.
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";

import { ERROR_CODES } from "../../src/base/errors.ts";
import { ENTRIES } from "./entries.ts";
import { readEntryExports } from "./entry-exports.ts";
import { CORE_SOURCES, REPOSITORY } from "./source-files.ts";

const target = path.join(import.meta.dirname, "public-exports.ts");
const surface = Object.fromEntries(
  ENTRIES.map(({ subpath, file }) => {
    const entry = path.join(CORE_SOURCES, file);
    return [subpath, existsSync(entry) ? readEntryExports(entry) : []];
  }),
);

writeFileSync(
  target,
  `import type { Subpath } from "./entries.ts";

/** The public names of each entry of this package; \`npm run pin-exports\` rewrites this file. */
export const PUBLIC_EXPORTS: Readonly<Record<Subpath, readonly string[]>> = ${JSON.stringify(surface)};

/** The stable error codes of this package. */
export const PUBLIC_ERROR_CODES: readonly string[] = ${JSON.stringify(ERROR_CODES.toSorted())};
`,
);
spawnSync(path.join(REPOSITORY, "node_modules/.bin/oxfmt"), [target], { stdio: "inherit" });
for (const [subpath, names] of Object.entries(surface)) console.log(`${subpath}: ${names.length} names`);
