/**
 * The workload every engine answers: N policies, each for one (tenant, tool) with five allowed agents and a limit on
 * the amount; requests drawn at random, about half of them allowed.
 */
export interface BenchPolicy {
  readonly id: string;
  readonly tenant: string;
  readonly tool: string;
  readonly agents: readonly string[];
  readonly maxAmount: number;
}

export interface BenchRequest {
  readonly tenant: string;
  readonly tool: string;
  readonly agent: string;
  readonly amount: number;
}

/** What an engine must agree on with the reference. */
export interface BenchAnswer {
  readonly isAllowed: boolean;
}

/** One engine under test: built once from the policies, then asked. */
export interface BenchEngine<Prepared = unknown> {
  readonly name: string;
  /** Turns a request into what the engine takes, outside the timed part, as an application would have it at hand. */
  prepare(request: BenchRequest): Prepared;
  ask(prepared: Prepared): BenchAnswer;
}

export const REQUEST_COUNT = 4_096;
const TOOL_COUNT = 10;

/** A small deterministic generator (mulberry32): every engine and run sees the same numbers. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The policies, one per (tenant, tool). */
export function createPolicies(count: number): readonly BenchPolicy[] {
  return Array.from({ length: count }, (_, at) => ({
    id: `p${at}`,
    tenant: `tenant-${Math.floor(at / TOOL_COUNT)}`,
    tool: `tool_${at % TOOL_COUNT}`,
    agents: Array.from({ length: 5 }, (_unused, agent) => `agent-${(at + agent) % 20}`),
    maxAmount: 500,
  }));
}

/** The requests: known tenants and tools, mostly listed agents, amounts around the limit. */
export function createRequests(policies: readonly BenchPolicy[]): readonly BenchRequest[] {
  const next = random(42);
  return Array.from({ length: REQUEST_COUNT }, () => {
    const policy = policies[Math.floor(next() * policies.length)]!;
    const isListed = next() < 0.75;
    return {
      tenant: policy.tenant,
      tool: policy.tool,
      agent: isListed ? policy.agents[Math.floor(next() * 5)]! : "agent-stranger",
      amount: Math.floor(next() * 700),
    };
  });
}

/** The reference: a linear scan that nobody can misread. */
export function referenceAnswer(policies: readonly BenchPolicy[], request: BenchRequest): boolean {
  return policies.some(
    ({ tenant, tool, agents, maxAmount }) =>
      tenant === request.tenant &&
      tool === request.tool &&
      agents.includes(request.agent) &&
      request.amount <= maxAmount,
  );
}
