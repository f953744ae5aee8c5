import { PolicyBlocked } from "@agentplane/core";

// Runs the ten lines of the README, and shows what stopped them. Change first-block.ts and run it again.
try {
  await import("./first-block.ts");
  console.error("the call was not blocked");
  process.exitCode = 1;
} catch (error) {
  if (!(error instanceof PolicyBlocked)) throw error;
  console.log(error.message);
  console.log(`blocked: ${error.policyId ?? ""}`);
}
