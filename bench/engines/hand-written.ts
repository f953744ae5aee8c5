import type { BenchAnswer, BenchEngine, BenchPolicy, BenchRequest } from "../workload.ts";

interface Entry {
  readonly policy: BenchPolicy;
  readonly agents: ReadonlySet<string>;
  readonly check: (request: BenchRequest) => boolean;
}

interface Bound {
  readonly request: BenchRequest;
}

/** With every field that a decision of agentplane has. */
interface HandWrittenAnswer extends BenchAnswer {
  readonly [field: string]: unknown;
}

/**
 * The practical limit: a hand-written index in plain JavaScript with the four wildcard probes an engine needs, that
 * returns an object with the same fields as a decision.
 */
export function createHandWritten(policies: readonly BenchPolicy[]): BenchEngine<Bound> {
  const index = new Map<string, Map<string, Entry[]>>();
  for (const policy of policies) {
    const byTool = index.get(policy.tenant) ?? new Map<string, Entry[]>();
    index.set(policy.tenant, byTool);
    const entry: Entry = {
      policy,
      agents: new Set(policy.agents),
      check: (request) => request.amount <= policy.maxAmount,
    };
    byTool.set(policy.tool, [...(byTool.get(policy.tool) ?? []), entry]);
  }
  let count = 0;
  const none: readonly Entry[] = [];
  const probe = (tenant: string, tool: string): readonly Entry[] => index.get(tenant)?.get(tool) ?? none;
  const decide = (request: BenchRequest): HandWrittenAnswer => {
    const startedMs = performance.now();
    let deciding: Entry | undefined;
    for (const entries of [
      probe(request.tenant, request.tool),
      probe(request.tenant, "*"),
      probe("*", request.tool),
      probe("*", "*"),
    ]) {
      for (const entry of entries) {
        if (entry.agents.has(request.agent) && entry.check(request)) deciding = entry;
      }
    }
    const isAllowed = deciding !== undefined;
    return {
      isAllowed,
      id: `dec_${count++}`,
      hookpoint: "before_tool_call",
      intent: "peek",
      verdict: isAllowed ? "allow" : "block",
      effect: isAllowed ? "allow" : "block",
      cause: isAllowed ? "rule" : "default",
      policyId: deciding?.policy.id,
      policyVersion: deciding?.policy.id,
      ruleId: isAllowed ? "amount" : undefined,
      reason: isAllowed ? "allowed" : "no rule allows this",
      message: isAllowed ? "Allowed." : "Blocked: no rule allows this.",
      retryAfterMs: undefined,
      approvalId: undefined,
      obligations: none,
      findings: isAllowed ? [{ policyId: deciding?.policy.id, ruleId: "amount", answer: "allow" }] : none,
      shadow: none,
      modes: none,
      revision: 1,
      isUnknown: false,
      isOverrun: false,
      durationMs: performance.now() - startedMs,
    };
  };
  return {
    name: "hand-written index",
    prepare: (request) => ({ request }),
    ask: ({ request }) => decide(request),
  };
}
