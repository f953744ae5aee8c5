import { createMongoAbility, subject } from "@casl/ability";

import type { BenchEngine, BenchPolicy, BenchRequest } from "../workload.ts";

/** CASL: the only indexed policy engine on npm; action = tool, subject type = tenant, conditions on the rest. */
export function createCasl(policies: readonly BenchPolicy[]): BenchEngine<{ tool: string; target: object }> {
  const ability = createMongoAbility<[string, object | string]>(
    policies.map(({ tenant, tool, agents, maxAmount }) => ({
      action: tool,
      subject: tenant,
      conditions: { agent: { $in: [...agents] }, amount: { $lte: maxAmount } },
    })),
  );
  return {
    name: "@casl/ability",
    prepare: ({ tenant, tool, agent, amount }: BenchRequest) => ({
      tool,
      target: subject(tenant, { agent, amount }),
    }),
    ask: ({ tool, target }) => ({ isAllowed: ability.can(tool, target) }),
  };
}
