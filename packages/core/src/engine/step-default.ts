import { isAfter } from "../context/hookpoint.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { Pass } from "./pass.ts";

/**
 * Applies the default effect where no enforcing rule had an opinion. It concerns whether an action may happen, so it is
 * not asked again about the result of one that was allowed.
 */
export function applyDefault(pass: Pass, parts: EngineParts): void {
  if (pass.answers.length > 0 || isAfter(pass.context.hookpoint)) return;
  // A preview that could not ask every rule does not know whether one of them would have granted the call.
  if (pass.isUnknown || parts.defaultEffect() === "allow") return;
  const hasPolicy = pass.plan?.hasPolicy === true;
  pass.refusal = {
    cause: hasPolicy ? "default" : "no_policy",
    reason: hasPolicy
      ? "no matching rule allows this, and the default is block"
      : "no policy concerns this call, and the default is block",
    message: "This action is not allowed here.",
  };
}
