import path from "node:path";

/**
 * Node.js, as clients and the proxy start it here. They give what they start few variables, and without its cache most of
 * a start is compiling the same files again.
 */
export const NODE: readonly [program: string, ...args: readonly string[]] =
  process.env["NODE_COMPILE_CACHE"] === undefined
    ? [process.execPath]
    : ["env", `NODE_COMPILE_CACHE=${process.env["NODE_COMPILE_CACHE"]}`, process.execPath];

/** The proxy's command, in one file, made before the tests from its sources. */
export const COMMAND: string = path.join(
  import.meta.dirname,
  "../node_modules/.cache/agentplane-mcp/cli.mjs",
);

/** How that is started. */
export const PROXY: readonly [program: string, ...args: readonly string[]] = [...NODE, COMMAND];
