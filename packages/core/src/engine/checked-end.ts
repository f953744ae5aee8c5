import { requireEnd, requireText } from "../base/argument.ts";
import { requireUsage } from "../base/model-costs.ts";
import { requireContext } from "../context/context-mark.ts";
import { usageOf } from "../context/context-parts.ts";
import type { CallEnd } from "../decision/decision-point.ts";
import { hasRun } from "./settle.ts";

const RAN = ["status", "context", "usage", "denial"];
const ENDS: ReadonlyMap<string, readonly string[]> = new Map<CallEnd["status"], string[]>([
  ["ran", RAN],
  ["failed", RAN],
  ["released", ["status", "isRefused"]],
  ["suspended", ["status"]],
]);

/**
 * An end as callers without types may report it, its usage read once.
 * @throws AgentplaneError `usage_invalid` for what is no end, or says what nobody would read; `context_invalid`
 */
export function checkedEnd(decisionId: string, end: CallEnd): CallEnd {
  requireText("engine.finish: decisionId", decisionId);
  requireEnd("engine.finish: end", end, ENDS);
  if (!hasRun(end)) return end;
  requireContext(end.context);
  const { usage } = end;
  // What a context says was read when it was built: Guard reports no other.
  if (usage === undefined || usage === end.context.usage) return end;
  requireUsage("engine.finish: usage", usage);
  return { ...end, usage: usageOf(usage) };
}
