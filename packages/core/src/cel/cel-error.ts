import type { ASTNode } from "@marcbachmann/cel-js";

import { AgentplaneError } from "../base/errors.ts";

/**
 * An expression that cannot be loaded: says which part, and what to write instead.
 * @param part The text of the offending part, as written by the policy's author.
 */
export function celError(part: string, message: string, suggestion?: string): AgentplaneError {
  const shown = part.length > 80 ? `${part.slice(0, 80)}…` : part;
  const advice = suggestion === undefined ? "" : ` — ${suggestion}`;
  return new AgentplaneError("config_invalid", `CEL: \`${shown}\` ${message}${advice}`, {
    data: { part: shown },
  });
}

/** The text of one node of an expression. */
export function textOf(node: Pick<ASTNode, "input" | "start" | "end">): string {
  return node.input.slice(node.start, node.end);
}
