import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const folder = mkdtempSync(path.join(tmpdir(), "langgraph-support-"));

/** Runs one part in a process of its own. */
function inProcess(part: "ask" | "answer"): void {
  const file = path.join(import.meta.dirname, `${part}.ts`);
  console.log(`--- ${part}`);
  execFileSync(process.execPath, ["--conditions=agentplane-source", file, folder], { stdio: "inherit" });
}

try {
  inProcess("ask");
  inProcess("answer");
} finally {
  rmSync(folder, { recursive: true });
}
