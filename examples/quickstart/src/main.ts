import { AssertionError } from "node:assert";
import fs from "node:fs";
import path from "node:path";

import { hasRealModel } from "./choose-model.ts";
import { openStage, type Stage } from "./stage.ts";
import { blockedByArgument } from "./steps/blocked-by-argument.ts";
import { budget } from "./steps/budget.ts";
import { editPolicyLive } from "./steps/edit-policy-live.ts";
import { escalationLadder } from "./steps/escalation-ladder.ts";
import { plainAllow } from "./steps/plain-allow.ts";
import { redactedResult } from "./steps/redacted-result.ts";
import type { Step } from "./steps/step.ts";
import { unplugAndPlug } from "./steps/unplug-and-plug.ts";
import { verifyAudit } from "./steps/verify-audit.ts";

const STEPS: readonly Step[] = [
  plainAllow,
  redactedResult,
  blockedByArgument,
  escalationLadder,
  unplugAndPlug,
  editPolicyLive,
  budget,
  verifyAudit,
];

const stage = await openStage();
try {
  stage.timeline.note(
    `agentplane quickstart: a LangChain agent on a shop's data, governed by agentplane.yaml`,
  );
  stage.timeline.note(
    hasRealModel() ? "model: OpenAI" : "model: scripted (set OPENAI_API_KEY to use a real one)",
  );
  process.exitCode = (await playAll(stage)) ? 0 : 1;
} finally {
  await stage.close();
}

/** Plays every step; a step that fails does not keep the others from being shown. */
async function playAll(on: Stage): Promise<boolean> {
  const failures: string[] = [];
  for (const [at, step] of STEPS.entries()) {
    on.timeline.chapter(at + 1, step.title);
    try {
      // oxlint-disable-next-line no-await-in-loop -- one chapter after the other
      await step.play(on);
    } catch (error) {
      failures.push(step.title);
      on.timeline.failed(`${step.title}: ${describe(error)}`);
    }
  }
  const missing = expectedMarkers().filter((marker) => !on.markers.includes(marker));
  for (const marker of missing) on.timeline.failed(`not seen: ${marker}`);
  const isWhole = failures.length === 0 && missing.length === 0;
  on.timeline.note("");
  on.timeline.note(
    isWhole
      ? `everything shown: ${on.markers.length} of ${on.markers.length}`
      : "the quickstart did not show everything",
  );
  return isWhole;
}

function expectedMarkers(): readonly string[] {
  const file = path.join(import.meta.dirname, "../markers.json");
  // The list is part of this example.
  return JSON.parse(fs.readFileSync(file, "utf8")) as string[];
}

function describe(error: unknown): string {
  if (error instanceof AssertionError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
