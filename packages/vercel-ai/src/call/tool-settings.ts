import type { ToolExecutionOptions, ToolSet } from "ai";

import type { GovernedIdentity } from "./identity.ts";
import type { GovernedPlane } from "./plane.ts";

/** What is known of tools beside their names. */
export interface ToolOptions {
  /** The MCP server they come from: rules may then name `server/tool`. Default: none. */
  readonly server?: string;
  /** Options of the call they belong to, for `providerOptions.agentplane`; a tool cannot see them itself. */
  readonly providerOptions?: Readonly<Record<string, unknown>> | undefined;
}

/** How tools are guarded. */
export interface ToolSettings extends ToolOptions {
  readonly plane: GovernedPlane;
  readonly identity: GovernedIdentity;
  /** Told of each call before it is decided. */
  readonly onCall?: (options: ToolExecutionOptions<unknown>) => void;
}

/** A tool as a tool set holds it. */
export type AnyTool = ToolSet[string];
