import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import path from "node:path";

import { build } from "tsdown";

import { COMMAND } from "./node-command.ts";

/**
 * Puts the command into one file, from the sources as they are: tests start it dozens of times, and reading hundreds of
 * modules would be most of each start.
 */
export async function setup(): Promise<void> {
  const folder = path.dirname(COMMAND);
  mkdirSync(folder, { recursive: true });
  const outDir = mkdtempSync(path.join(folder, "build-"));
  try {
    await build({
      config: false,
      entry: [path.join(import.meta.dirname, "../src/cli.ts")],
      outDir,
      dts: false,
      logLevel: "warn",
      // What is found beside the proxy when it runs stays there.
      deps: { alwaysBundle: [/./], onlyBundle: false, neverBundle: ["@opentelemetry/api"] },
      inputOptions: { resolve: { conditionNames: ["agentplane-source", "node", "import"] } },
    });
    // Whole, also for another run of the tests that starts it now.
    renameSync(path.join(outDir, "cli.mjs"), COMMAND);
  } finally {
    rmSync(outDir, { recursive: true, force: true });
  }
}
