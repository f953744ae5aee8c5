/**
 * Writes what is enforced where, `docs/adapters.md`.
 * Run: node --conditions=agentplane-source packages/core/scripts/write-adapter-table.ts
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { readAdapters, renderAdapterTable } from "./adapter-table.ts";

const adapters = await readAdapters(fileURLToPath(new URL("../../", import.meta.url)));
writeFileSync(new URL("../../../docs/adapters.md", import.meta.url), renderAdapterTable(adapters));
