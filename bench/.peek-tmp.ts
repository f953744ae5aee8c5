import { measure } from "./measure.ts";
import { createEngine } from "./engines/agentplane.ts";
import { createPolicies, createRequests } from "./workload.ts";
const policies = createPolicies(1000); const requests = createRequests(policies); const e = createEngine(policies);
const p = requests.map((r) => e.prepare(r)) as never[];
for (let i = 0; i < 600; i++) for (const one of p) e.ask(one);
