import type { ConformanceOptions } from "@agentplane/core/testing";

/** The proxy, as `docs/adapters.md` calls it. */
export const NAME = "MCP proxy";

const NO_MODEL = "MCP carries tools, not the model that calls them; relay.test.ts shows sampling";
const NO_STREAM = "a result of MCP comes as a whole";
const NO_RETRY = "a request of MCP has its id once; a client that tries again makes another call";
const NO_NESTING = "MCP does not say which agent is inside which";

/** What the proxy does not do, each with the reason. */
export const SKIPS: NonNullable<ConformanceOptions["skips"]> = {
  "block.stream": NO_STREAM,
  "block.retry": NO_RETRY,
  "block.nested": NO_NESTING,
  "block.model": NO_MODEL,
  "ask.stream": NO_STREAM,
  "ask.retry": NO_RETRY,
  "ask.nested": NO_NESTING,
  "redact.stream": NO_STREAM,
  "redact.retry": NO_RETRY,
  "redact.nested": NO_NESTING,
  "redact.aborted": NO_MODEL,
  "redact.prompt": NO_MODEL,
  "rewrite.stream": NO_STREAM,
  "rewrite.retry": NO_RETRY,
  "rewrite.nested": NO_NESTING,
  "kill.stream": NO_STREAM,
  "kill.model": NO_MODEL,
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
  "RATE_THROTTLE.resume": NO_MODEL,
  "RATE_THROTTLE.replay": NO_MODEL,
  "RATE_THROTTLE.nested": NO_NESTING,
  "rate.stream": NO_STREAM,
  "rate.retry": NO_RETRY,
  "rate.nested": NO_NESTING,
  "budget.plain": NO_MODEL,
  "budget.stream": NO_STREAM,
  "budget.parallel": NO_MODEL,
  "budget.retry": NO_RETRY,
  "budget.resume": NO_MODEL,
  "budget.nested": NO_NESTING,
  "budget.aborted": NO_MODEL,
  "budget.clamp": NO_MODEL,
  "passthrough.stream": NO_STREAM,
};

const LISTED = "only a client that lists what there is can offer it; the other suite has one";

/** What beside that cannot be met by a client that never lists the tools. */
export const SKIPS_WITHOUT_LISTS: typeof SKIPS = {
  ...SKIPS,
  "block.hidden": LISTED,
  "kill.hidden": LISTED,
  "READ_ONLY.hidden": LISTED,
  "NO_EXTERNAL.hidden": LISTED,
  "SAFE_TOOLS_ONLY.hidden": LISTED,
};
