import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";

import { expect, test } from "vitest";

import { temporaryDirectory } from "./temporary-directory.ts";

const SCRIPT = path.join(import.meta.dirname, "deaths", "play-deaths.ts");
const run = promisify(execFile);

/** One death, and what was wrong with what was found after it. */
interface Death {
  readonly play: "life" | "repair";
  /** `before rmSync audit-000001.jsonl`; `none` where it lived to its end. */
  readonly step: string;
  readonly wrong: readonly string[];
}

/** Steps that must be among those a process died at: were they called something else, nothing would be tested. */
const STEPS = {
  life: [
    "before mkdirSync directory",
    "before linkSync audit.lock",
    "before linkSync audit.trail",
    "before openSync audit-000001.jsonl",
    "before renameSync audit-000001.checkpoint",
    "amid writeFile audit-000001.checkpoint.tmp",
    "amid write audit-000001.jsonl",
    "before fdatasync audit-000001.jsonl",
    "before openSync audit-000002.jsonl",
    "before fsyncSync directory",
    "before sync audit-000001.jsonl.gz.tmp",
    "before renameSync audit-000001.jsonl.gz",
    "before rmSync audit-000001.jsonl",
    "before rmSync audit-000001.jsonl.gz",
    "before rmSync audit.lock",
    "without power before linkSync audit.lock",
    "without power before openSync audit-000001.jsonl",
    "without power before renameSync audit-000001.checkpoint",
    "without power before fdatasync audit-000001.jsonl",
    "without power before renameSync audit-000001.jsonl.gz",
    "without power before rmSync audit-000001.jsonl",
    "without power before rmSync audit-000001.jsonl.gz",
  ],
  repair: [
    "before renameSync audit.lock",
    "before linkSync audit-000001.jsonl.torn-1.untold",
    "before ftruncateSync audit-000001.jsonl",
    "before renameSync audit-000001.jsonl.torn-1",
    "before linkSync audit.2-000001.jsonl.torn-1.untold",
    "before ftruncateSync audit.2-000001.jsonl",
    "before renameSync audit.2-000001.jsonl.torn-1",
  ],
};

test("a process that dies at any step, by itself or with the power, leaves a trail that verifies and lacks nothing, and what it left is reported", async () => {
  const { stdout } = await run(
    process.execPath,
    ["--conditions=agentplane-source", SCRIPT, temporaryDirectory()],
    { maxBuffer: 64 * 1024 * 1024 },
  );
  const deaths = stdout
    .trim()
    .split("\n")
    .map((line): Death => JSON.parse(line));
  expect(deaths.filter(({ wrong }) => wrong.length > 0)).toStrictEqual([]);
  for (const play of ["life", "repair"] as const) {
    const steps = new Set(deaths.filter((death) => death.play === play).map(({ step }) => step));
    expect(STEPS[play].filter((step) => !steps.has(step))).toStrictEqual([]);
  }
}, 300_000);
