/**
 * Writes the reference of the rules, `docs/rules.md`.
 * Run: node --conditions=agentplane-source packages/core/scripts/write-rule-reference.ts
 */
import { writeFileSync } from "node:fs";

import { renderRuleReference } from "./rule-reference.ts";

writeFileSync(new URL("../../../docs/rules.md", import.meta.url), renderRuleReference());
