import {
  attachClientToolSearchExecutor,
  getClientToolSearchExecutor,
  type ClientToolSearchExecutor,
  type HostedTool,
} from "@openai/agents";

import type { AnyTool } from "./any-agent.ts";

/**
 * A search for tools that runs here, under a plane: the tools it finds are governed like those the agent has from the
 * start. Any other tool that runs at the provider is left as it is: the model is not offered what may not run.
 * @param govern Makes a tool a governed one; one that is stays what it is.
 */
export function governToolSearch(tool: HostedTool, govern: (tool: AnyTool) => AnyTool): HostedTool {
  const execute = getClientToolSearchExecutor(tool);
  if (execute === undefined) return tool;
  const governed: ClientToolSearchExecutor = async (args) => {
    const found = await execute(args);
    if (found === undefined || found === null) return found;
    return (Array.isArray(found) ? found : [found]).map(govern);
  };
  return attachClientToolSearchExecutor({ ...tool }, governed);
}
