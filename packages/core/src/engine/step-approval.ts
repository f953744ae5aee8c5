import { canonicalJson } from "../base/canonical-json.ts";
import { requireDurationMs } from "../base/duration.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import { inputOf } from "../context/create-context.ts";
import { hasOpaque } from "../context/snapshot.ts";
import { isAfter } from "../context/hookpoint.ts";
import type { ApprovalTerms } from "../policy/policy.ts";
import type { Approval, ApprovalBinding } from "../state/approval.ts";
import { askedAs } from "./asked-as.ts";
import { auditView } from "./audit-view.ts";
import type { PassAnswer } from "./compiled-policy.ts";
import type { EngineParts } from "./engine-parts.ts";
import { hasVoter, isBlocked, votersOfPass } from "./outcome-of-pass.ts";
import { setRare, type Ask, type Pass } from "./pass.ts";

/**
 * Settles what only a human may allow. A matching approved request is consumed, after the reservation succeeded, and
 * waives exactly its asks; otherwise what was held is given back and one request is opened.
 */
export function approve(pass: Pass, parts: EngineParts): MaybePromise<void> {
  if (pass.intent === "peek" || isAfter(pass.context.hookpoint) || isBlocked(pass, parts.settings.combine))
    return;
  const { combine } = parts.settings;
  if (pass.rare.asks.length > 0 || hasVoter(pass, combine, "ask"))
    return approveAsks(pass, parts, asksOf(pass, votersOfPass(pass, combine)));
}

function approveAsks(pass: Pass, parts: EngineParts, asks: readonly Ask[]): MaybePromise<void> {
  const hasResolver = parts.settings.hasResolver();
  if (!hasResolver || pass.rare.isUnasked) {
    const why = hasResolver
      ? "nobody can be asked about what runs elsewhere, unseen"
      : "nobody can answer: pass approvals: { resolver } to createAgentPlane";
    pass.refusal = {
      cause: "approval",
      reason: `${asksText(asks)} asks for approval, and ${why}`,
      message: "This action needs a human's approval, which cannot be asked for here.",
      ...ownerOf(asks),
    };
    return;
  }
  if (hasOpaque(inputOf(pass.context) ?? null)) {
    pass.refusal = {
      cause: "opaque_content",
      reason: "an approval cannot be bound to an input that is not plain JSON",
      ...ownerOf(asks),
    };
    return;
  }
  const binding = bindingOf(pass, parts, asks);
  return andThen(parts.approvals.find(binding), (found) => {
    if (found === undefined) return open(pass, parts, { asks, binding });
    setRare(pass, { approvalId: found.id });
    // An early question does not use the approval up: the execution will.
    if (pass.intent === "ask") return waive(pass);
    const by = parts.ports.ids.next("use");
    // Before it is known: a store whose answer is lost may have done it.
    setRare(pass, { used: { approval: found, by } });
    return andThen(parts.approvals.consume(found.id, by), (isConsumed) => {
      if (isConsumed) return waive(pass);
      setRare(pass, { used: undefined });
      return open(pass, parts, { asks, binding });
    });
  });
}

/** Everything that asks: ladders' and modes' asks, and escalations that no ladder took. */
function asksOf(pass: Pass, voters: readonly PassAnswer[]): readonly Ask[] {
  const asks = new Map<string, Ask>();
  const add = (ask: Ask): void => void asks.set(`${ask.policyId}\n${ask.ruleId}`, ask);
  for (const { entry, effect, policyId } of voters) {
    if (effect === "ask")
      add({ policyId, policyVersion: entry.policy.version, ruleId: entry.ruleId, terms: {} });
  }
  for (const ask of pass.rare.asks) add(ask);
  return [...asks.values()];
}

function bindingOf({ context }: Pass, parts: EngineParts, asks: readonly Ask[]): ApprovalBinding {
  const { tool, target, model, api } = context;
  return {
    tenant: context.tenant,
    agent: context.agent.id,
    session: context.session,
    user: context.user,
    hookpoint: context.hookpoint,
    ...(context.approvalFor === "call" && { callId: context.callId }),
    tool: tool && { name: tool.name, server: tool.server, originalName: tool.originalName, pin: tool.pin },
    ...(target && { target: { name: target.name, server: target.server } }),
    ...(model && { model: { name: model.name, provider: model.provider } }),
    ...(api && { api }),
    inputHmac: parts.hmac(canonicalJson(inputOf(context) ?? null)),
    asks: asks
      .map(({ policyId, policyVersion, ruleId }) => ({ policyId, contentHash: policyVersion, ruleId }))
      .toSorted((a, b) => (`${a.policyId}\n${a.ruleId}` < `${b.policyId}\n${b.ruleId}` ? -1 : 1)),
  };
}

function waive(pass: Pass): void {
  const waivedModes = pass.rare.asks
    .filter(({ ruleId }) => ruleId === "mode")
    .map(({ policyVersion }) => policyVersion);
  setRare(pass, { waivedModes, asks: [] });
  pass.answers = pass.answers.map((answer) =>
    answer.effect === "ask" ? { ...answer, effect: "allow" } : answer,
  );
}

function open(
  pass: Pass,
  parts: EngineParts,
  { asks, binding }: { asks: readonly Ask[]; binding: ApprovalBinding },
): MaybePromise<void> {
  const { context } = pass;
  const { target, model } = context;
  const requested = parts.approvals.request({
    binding,
    terms: strictestTerms(asks.map(({ terms }) => terms)),
    view: {
      agent: context.agent.id,
      tenant: context.tenant ?? null,
      hookpoint: context.hookpoint,
      tool: context.tool?.name ?? null,
      ...(target && { target: auditView(target.name, pass.duties, parts) }),
      ...(model && { model: model.name }),
      input: auditView(inputOf(context) ?? null, pass.duties, parts),
      reasons: pass.answers.filter(({ effect }) => effect === "ask").map(({ said }) => said.reason),
    },
    shownInput: isInputShown(asks) ? inputOf(context) : undefined,
    idempotencyKey: `${askedAs(pass, parts)}:${binding.inputHmac}`,
    nowMs: parts.nowMs(),
    requestedBy: context.user,
  });
  return andThen(requested, (approval: Approval) => {
    if (approval.status === "denied" || approval.status === "expired") {
      pass.refusal = {
        cause: "approval",
        reason: `the approval ${approval.id} was ${approval.status}${approval.reason === undefined ? "" : `: ${approval.reason}`}`,
        message: "A human did not approve this action. Do not try it again in the same way.",
        ...ownerOf(asks),
      };
      return;
    }
    setRare(pass, {
      approvalId: approval.id,
      asks: pass.rare.asks.length === 0 ? [...asks] : pass.rare.asks,
    });
  });
}

/** Strictest too: one policy that asks and does not show it hides it. */
function isInputShown(asks: readonly Ask[]): boolean {
  return asks.every(({ terms }) => terms.showInput === true);
}

function strictestTerms(terms: readonly ApprovalTerms[]): ApprovalTerms {
  const approvers = Math.max(1, ...terms.map((one) => one.approvers ?? 1));
  const [shortest] = terms
    .map(({ timeout }) => timeout)
    .filter((timeout) => timeout !== undefined)
    .toSorted((a, b) => requireDurationMs(a) - requireDurationMs(b));
  return {
    approvers,
    by: strictestAnswerer(terms, approvers),
    ...(shortest !== undefined && { timeout: shortest }),
  };
}

function strictestAnswerer(
  terms: readonly ApprovalTerms[],
  approvers: number,
): NonNullable<ApprovalTerms["by"]> {
  if (approvers > 1 || terms.some(({ by }) => by === "operator")) return "operator";
  return terms.some(({ by }) => by === "client") ? "client" : "any";
}

function asksText(asks: readonly Ask[]): string {
  return asks.map(({ policyId, ruleId }) => `${policyId}/${ruleId}`).join(", ");
}

function ownerOf([first]: readonly Ask[]): { policyId?: string; policyVersion?: string; ruleId?: string } {
  if (first === undefined) return {};
  return { policyId: first.policyId, policyVersion: first.policyVersion, ruleId: first.ruleId };
}
