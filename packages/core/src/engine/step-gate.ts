import { suggest } from "../base/did-you-mean.ts";
import type { MaybePromise } from "../base/maybe-promise.ts";
import { conflictOf } from "../context/context-mark.ts";
import { isAfter } from "../context/hookpoint.ts";
import { hasUnreadable } from "../context/snapshot.ts";
import { inputOf, subjectAt, subjectOf } from "../context/subject.ts";
import type { PlugEntry } from "../state/plugboard.ts";
import type { PolicyContext } from "../context/context.ts";
import type { CarriedAdmission, EngineParts } from "./engine-parts.ts";
import { setRare, type Pass } from "./pass.ts";
import type { Refusal } from "./refusal.ts";
import { reserveThrottle } from "./step-throttle.ts";

/**
 * The gate before every rule: plugs, lineage, identity, opaque content. Read from the local replica without waiting. An
 * unplugged agent meets no rule at all.
 */
export function gate(pass: Pass, parts: EngineParts): void {
  const plug = parts.plugboard.cutOf(pass.context);
  if (plug !== undefined) {
    pass.refusal = unplugged(plug);
    return;
  }
  if (parts.settings.onStateError === "block" && isStale(parts)) {
    pass.refusal = {
      cause: "state_error",
      reason: "the state of plugs and modes is unconfirmed, so nothing may run",
    };
    return;
  }
  pass.refusal =
    refusedHookpoint(pass, parts) ??
    refusedSubject(pass) ??
    refusedIdentity(pass, parts) ??
    refusedContent(pass, parts);
}

function isStale({ plugboard, degradation }: EngineParts): boolean {
  return plugboard.isStale() || degradation.isStale();
}

/** A misspelt hookpoint would meet no policy and so be allowed. */
function refusedHookpoint({ context: { hookpoint } }: Pass, { settings }: EngineParts): Refusal | undefined {
  if (settings.hookpoints.has(hookpoint)) return undefined;
  const hint = suggest(hookpoint, [...settings.hookpoints]);
  return {
    cause: "hookpoint_unknown",
    reason: `there is no hookpoint "${hookpoint}": ${hint} or declare it in createAgentPlane({ hookpoints })`,
  };
}

/** Lists of tools and conditions say nothing of a call that does not name what they are about, and budgets see nothing. */
function refusedSubject({ context }: Pass): Refusal | undefined {
  const subject = subjectAt(context.hookpoint);
  if (subject === undefined || context[subject] !== undefined) return undefined;
  return {
    cause: "subject_missing",
    reason: `${context.hookpoint} needs the ${subject} that the call is about: give the context a \`${subject}\``,
  };
}

/** Reads the gates again if anything was awaited since: the stricter answer wins. */
export function gateAgain(pass: Pass, parts: EngineParts): MaybePromise<void> {
  if (!pass.hasAwaited || pass.intent === "peek") return;
  const hadThrottle = pass.rare.throttle !== undefined;
  gate(pass, parts);
  if (pass.refusal !== undefined) return;
  judgeModes(pass, parts);
  return takeSlot(pass, parts, hadThrottle);
}

/** Set while the call waited: it takes its slot like any other. */
function takeSlot(pass: Pass, parts: EngineParts, hadThrottle: boolean): MaybePromise<void> {
  if (pass.refusal === undefined && !hadThrottle && pass.rare.throttle !== undefined)
    return reserveThrottle(pass, parts);
}

/**
 * Reads the gates once more when a call was admitted in one step: what was plugged out or set while the store was asked
 * stops it, a mode that asks as well.
 */
export function gateWritten(pass: Pass, parts: EngineParts): MaybePromise<void> {
  if (!pass.hasAwaited) return;
  const hadThrottle = pass.rare.throttle !== undefined;
  gate(pass, parts);
  if (pass.refusal === undefined) judgeModes(pass, parts);
  const [ask] = pass.rare.asks;
  if (pass.refusal === undefined && ask !== undefined)
    pass.refusal = {
      cause: "mode",
      reason: `mode ${ask.policyId.replace("mode:", "")} was set while this call was being admitted, and asks a human`,
    };
  return takeSlot(pass, parts, hadThrottle);
}

/** What an unplugged call is told. */
export function unplugged({ subject, reason, by }: PlugEntry): Refusal {
  const whom = subject.kind === "all" ? "everything" : `${subject.kind} "${subject.id}"`;
  return {
    cause: "unplugged",
    reason: `${whom} was unplugged by ${by}: ${reason}`,
    message: "This agent has been stopped by an operator. Do not retry; end the task.",
  };
}

/** A plug on any ancestor and a limit of the run must reach the child: it names all of them, in order. */
function isWithin({ agent, tenant }: PolicyContext, parent: CarriedAdmission): boolean {
  const { id, runId, ancestors } = agent;
  if (parent.tenant !== undefined && tenant !== parent.tenant) return false;
  const { id: parentId, runId: parentRun, ancestors: above } = parent.agent;
  if (parentRun !== undefined && runId !== parentRun) return false;
  if (!above.every((ancestor, at) => ancestors[at] === ancestor)) return false;
  return id === parentId || ancestors[above.length] === parentId;
}

function refusedIdentity({ context, index }: Pass, { scope, settings }: EngineParts): Refusal | undefined {
  const conflict = conflictOf(context);
  if (conflict !== undefined) return { cause: "identity_conflict", reason: conflict };
  const parent = scope.current();
  if (parent !== undefined && !isWithin(context, parent)) {
    return {
      cause: "lineage_missing",
      reason: `agent "${context.agent.id}" runs inside a call of "${parent.agent.id}" without its whole lineage, tenant and run id; build the context with guard.context()`,
    };
  }
  const { optionalIdentity } = settings;
  if (index.needsTenant && context.tenant === undefined && !optionalIdentity.has("tenant"))
    return missing("tenant");
  if (index.needsUser && context.user === undefined && !optionalIdentity.has("user")) return missing("user");
  return undefined;
}

function missing(field: "tenant" | "user"): Refusal {
  return {
    cause: "identity_missing",
    reason: `policies select by ${field}, and this context has none; give one, or set identity: { optional: ["${field}"] }`,
  };
}

function refusedContent(pass: Pass, parts: EngineParts): Refusal | undefined {
  const { context, traits } = pass;
  // Afterwards the action has happened: an opaque result is shown as it is, or withheld by a rule that must read it.
  if (isAfter(context.hookpoint)) return undefined;
  const input = inputOf(context);
  if (input === undefined || !hasUnreadable(input)) return undefined;
  const isHarmless = traits?.access === "read" && traits.external === false;
  const isOpen = isHarmless || subjectOf(context) === "model" || !isLookedAt(pass, parts);
  const onOpaque = parts.settings.onOpaque ?? (isOpen ? "allow" : "block");
  if (onOpaque === "allow") return undefined;
  return {
    cause: "opaque_content",
    reason:
      "the input holds a value that is not JSON, which no rule can read; pass plain data, or set onOpaque",
  };
}

/** Whether a rule in force or a hook looks at the call: from nothing else could anything be hidden. */
function isLookedAt({ context, index }: Pass, { isHooked }: EngineParts): boolean {
  if (index.planFor(context, context.hookpoint).entries.length > 0) return true;
  return isHooked === undefined || isHooked(context);
}

/** Judges the call by the modes in force; each asks, throttles or blocks by the tool's declared traits. */
export function judgeModes(pass: Pass, { degradation }: EngineParts): void {
  const judged = degradation.judge(pass.context, pass.traits);
  if (judged.modes !== pass.rare.modes) setRare(pass, { modes: judged.modes });
  const entry = judged.entry;
  // The action has happened: only FULL_BLOCK still concerns its result.
  if (isAfter(pass.context.hookpoint)) {
    if (judged.modes.includes("FULL_BLOCK")) pass.refusal = modeRefusal("FULL_BLOCK", entry?.cause);
    return;
  }
  switch (judged.cell) {
    case "allow":
      return;
    case "block":
      pass.refusal = modeRefusal(entry?.degrade.mode ?? "FULL_BLOCK", entry?.cause);
      return;
    case "ask":
      // Judged again after an approval was consumed: the same mode does not ask twice.
      if (entry !== undefined && pass.rare.waivedModes.includes(entry.id)) return;
      setRare(pass, {
        asks: [
          ...pass.rare.asks.filter(({ ruleId }) => ruleId !== "mode"),
          {
            policyId: `mode:${entry?.degrade.mode ?? "HUMAN_LOOP"}`,
            policyVersion: entry?.id ?? "",
            ruleId: "mode",
            terms: {},
          },
        ],
      });
      return;
    case "throttle":
      setRare(pass, { throttle: judged.throttle });
      return;
  }
}

function modeRefusal(mode: string, cause: string | undefined): Refusal {
  return {
    cause: "mode",
    reason: `mode ${mode} forbids this${cause === undefined ? "" : ` (set because: ${cause})`}`,
    message: `This action is not available now: the agent is in mode ${mode}. Use what is still allowed, or stop.`,
  };
}
