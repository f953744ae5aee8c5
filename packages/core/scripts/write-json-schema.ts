/**
 * Writes the JSON Schema of policy documents that the package ships.
 * Run: node --conditions=agentplane-source packages/core/scripts/write-json-schema.ts
 */
import { writeFileSync } from "node:fs";

import { policyJsonSchema } from "../src/load/json-schema.ts";
import { createRegistry } from "../src/rules/registry.ts";

const file = new URL("../schema/agentplane.v1.schema.json", import.meta.url);
writeFileSync(file, `${JSON.stringify(policyJsonSchema(createRegistry()), null, 2)}\n`);
