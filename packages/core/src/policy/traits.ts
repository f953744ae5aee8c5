/** What an operator declares about a tool; MCP annotations are hints and may only tighten it. */
export interface ToolTraits {
  /** Default for an undeclared tool: write and exec at once, the strictest. */
  readonly access?: "read" | "write" | "exec";
  /** Reaches outside the organisation. Default true. */
  readonly external?: boolean;
  /** May run under SAFE_TOOLS_ONLY. Default false. */
  readonly safe?: boolean;
  /** Which HTTP call the tool makes; a value starting `$.` is a path into its input. */
  readonly api?: { readonly method: string; readonly url: string };
}
