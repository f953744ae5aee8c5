import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

import { verifyDirectory } from "@agentplane/core/node";

import type { Stage } from "../stage.ts";
import type { Step } from "./step.ts";

/** Everything above is on record, in a chain of hashes, without any personal data; a changed record is found. */
export const verifyAudit: Step = {
  title: "Audit: what was recorded, and that nobody changed it",
  async play(stage) {
    await stage.plane.flush();
    const report = await verifyDirectory(stage.auditDirectory);
    assert.ok(report.ok, `the trail is intact: ${JSON.stringify(report.firstBad)}`);
    assert.ok(report.lines > 50, `${report.lines} records`);
    const trail = readTrail(stage);
    const leaked = stage.shop.personalData().filter((secret) => trail.includes(secret));
    assert.deepEqual(leaked, [], "the trail repeats no personal data");
    stage.timeline.note(
      `audit verify: ${report.lines} records, chain intact, no address and no number in them`,
    );
    const forged = await verifyDirectory(forge(stage));
    assert.equal(forged.ok, false, "a forged trail is found out");
    stage.timeline.note(
      `audit verify on a forged copy: record ${forged.firstBad?.line ?? "?"} was ${forged.firstBad?.problem ?? "?"}`,
    );
    stage.shown("audit-verified", `${report.lines} records verified`);
  },
};

function segments(directory: string): readonly string[] {
  return fs
    .readdirSync(directory)
    .filter((name) => name.endsWith(".jsonl"))
    .toSorted();
}

function readTrail({ auditDirectory }: Stage): string {
  return segments(auditDirectory)
    .map((name) => fs.readFileSync(path.join(auditDirectory, name), "utf8"))
    .join("");
}

/** A copy in which a blocked refund became an allowed one. */
function forge({ auditDirectory }: Stage): string {
  const copy = `${auditDirectory}-forged`;
  fs.cpSync(auditDirectory, copy, { recursive: true });
  const [first] = segments(copy);
  assert.ok(first, "there is a segment");
  const file = path.join(copy, first);
  const text = fs.readFileSync(file, "utf8");
  const forged = text.replace(/effect(\\*)":\1"block/, (found) => found.replace("block", "allow"));
  assert.notEqual(forged, text, "there is a block to forge");
  fs.writeFileSync(file, forged);
  return copy;
}
