import { AgentplaneError } from "@agentplane/core";
import type { ModelSettings } from "@openai/agents";

import { recordOf } from "../protocol/json.ts";

/** What a plane decides about; the SDK lets data for the provider replace it just before it is sent. */
const DECIDED = [
  "model",
  "input",
  "instructions",
  "messages",
  "prompt",
  "tools",
  "functions",
  "max_output_tokens",
  "max_tokens",
  "max_completion_tokens",
  // More answers than one, and what brings tools or a conversation along.
  "n",
  "background",
  "previous_response_id",
  "conversation",
  "web_search_options",
  "data_sources",
  "mcp_servers",
] as const;

/**
 * Refuses settings that would replace what was decided.
 * @throws AgentplaneError `usage_invalid`
 */
export function refuseReplaced({ providerData }: ModelSettings): void {
  const data = recordOf(providerData);
  if (data === undefined) return;
  const bodies = [data, recordOf(data["extra_body"]), recordOf(data["extraBody"])];
  const replaced = DECIDED.find((member) => bodies.some((body) => body?.[member] !== undefined));
  if (replaced === undefined) return;
  throw new AgentplaneError(
    "usage_invalid",
    `modelSettings.providerData may not say "${replaced}": it would replace what was decided; ` +
      `say it where the agent, or its modelSettings, has a member for it`,
  );
}
