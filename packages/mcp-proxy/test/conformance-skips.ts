import type { ConformanceOptions } from "@agentplane/core/testing";

/** The proxy, as `docs/adapters.md` calls it. */
export const NAME = "MCP proxy";

const NO_USAGE = "a sampling result of MCP does not say how many tokens it used, so its estimate is charged";
const NO_STREAM = "a result of MCP comes as a whole";
const NO_RETRY = "a request of MCP has its id once; a client that tries again makes another call";
const NO_NESTING = "MCP does not say which agent is inside which";

/** What the proxy does not do, each with the reason. */
export const SKIPS: NonNullable<ConformanceOptions["skips"]> = {
  "block.stream": NO_STREAM,
  "block.retry": NO_RETRY,
  "block.nested": NO_NESTING,
  "ask.stream": NO_STREAM,
  "ask.retry": NO_RETRY,
  "ask.nested": NO_NESTING,
  "redact.stream": NO_STREAM,
  "redact.retry": NO_RETRY,
  "redact.nested": NO_NESTING,
  "redact.aborted": NO_STREAM,
  "rewrite.stream": NO_STREAM,
  "rewrite.retry": NO_RETRY,
  "rewrite.nested": NO_NESTING,
  "kill.stream": NO_STREAM,
  "kill.retry": NO_RETRY,
  "kill.nested": NO_NESTING,
  "READ_ONLY.stream": NO_STREAM,
  "READ_ONLY.retry": NO_RETRY,
  "READ_ONLY.nested": NO_NESTING,
  "NO_EXTERNAL.stream": NO_STREAM,
  "NO_EXTERNAL.retry": NO_RETRY,
  "NO_EXTERNAL.nested": NO_NESTING,
  "SAFE_TOOLS_ONLY.stream": NO_STREAM,
  "SAFE_TOOLS_ONLY.retry": NO_RETRY,
  "SAFE_TOOLS_ONLY.nested": NO_NESTING,
  "FULL_BLOCK.stream": NO_STREAM,
  "FULL_BLOCK.retry": NO_RETRY,
  "FULL_BLOCK.nested": NO_NESTING,
  "HUMAN_LOOP.stream": NO_STREAM,
  "HUMAN_LOOP.retry": NO_RETRY,
  "HUMAN_LOOP.nested": NO_NESTING,
  "RATE_THROTTLE.stream": NO_STREAM,
  "RATE_THROTTLE.retry": NO_RETRY,
  "RATE_THROTTLE.nested": NO_NESTING,
  "rate.stream": NO_STREAM,
  "rate.retry": NO_RETRY,
  "rate.nested": NO_NESTING,
  "budget.plain": NO_USAGE,
  "budget.stream": NO_STREAM,
  "budget.resume": NO_USAGE,
  "budget.nested": NO_NESTING,
  "budget.aborted": NO_STREAM,
  "passthrough.stream": NO_STREAM,
};

const LISTED = "only a client that lists what there is can offer it; another suite has one";
const BORROWED = "only a server that borrows the client's model calls one through MCP; another suite has one";

/** What beside that needs a model, as a server has it that borrows the client's. */
export const OF_MODELS = {
  "block.model": BORROWED,
  "redact.prompt": BORROWED,
  "kill.model": BORROWED,
  "RATE_THROTTLE.resume": BORROWED,
  "RATE_THROTTLE.replay": BORROWED,
  "budget.parallel": BORROWED,
  "budget.retry": BORROWED,
  "budget.clamp": BORROWED,
};

/** What beside that cannot be met by a client that neither lists the tools nor lends its model. */
export const SKIPS_OF_CALLS: typeof SKIPS = {
  ...SKIPS,
  ...OF_MODELS,
  "block.hidden": LISTED,
  "kill.hidden": LISTED,
  "READ_ONLY.hidden": LISTED,
  "NO_EXTERNAL.hidden": LISTED,
  "SAFE_TOOLS_ONLY.hidden": LISTED,
};
