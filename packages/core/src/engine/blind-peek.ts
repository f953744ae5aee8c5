import { assertNever } from "../base/assert-never.ts";
import type { PolicyContext } from "../context/context.ts";
import { isAfter } from "../context/hookpoint.ts";
import type { RuleRead } from "../rules/rule.ts";
import type { CompiledEntry } from "./compiled-policy.ts";
import type { Pass } from "./pass.ts";

/** A peek has no state, and often no input: what it cannot know stays visible. */
export function isUnknownToPeek(pass: Pass, entry: CompiledEntry): boolean {
  const isBlind = isBlindPeek(pass, entry);
  if (isBlind) pass.isUnknown = true;
  return isBlind;
}

/** The same, without noting that something stays unknown. */
export function isBlindPeek({ intent, context }: Pass, entry: CompiledEntry): boolean {
  if (intent !== "peek") return false;
  if (!entry.isStateless) return true;
  const { reads } = entry;
  // By position: V8 takes an iterator for a frozen list.
  for (let at = 0; at < reads.length; at++) if (isAbsent(reads[at]!, context)) return true;
  return false;
}

/** What this hookpoint never carries is not absent: the rule will not see it at the call either. */
function isAbsent(
  read: RuleRead,
  { hookpoint, tool, target, model, result, api, usage }: PolicyContext,
): boolean {
  switch (read) {
    case "input":
      // A run has none.
      if (tool === undefined && target === undefined) return false;
      return model === undefined && tool?.input === undefined && target?.input === undefined;
    case "messages":
      return model !== undefined && model.messages === undefined;
    case "result":
      return result === undefined && isAfter(hookpoint);
    case "api":
      // It is made of the input: where that is there, the tool calls no API.
      return api === undefined && tool !== undefined && tool.input === undefined;
    case "usage":
      return usage === undefined && isAfter(hookpoint);
    case "session":
      return false;
    default:
      return assertNever(read, "what a rule reads");
  }
}
