import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

const SERVERS = fileURLToPath(new URL("servers.ts", import.meta.url));
/** As a run of tests: one process looks, and those it starts inherit what it has found. */
const RUN = `
const { hasRedis, canStartServers } = await import(${JSON.stringify(SERVERS)});
console.log(JSON.stringify({ hasRedis, canStartServers }));
if (process.argv[1] === "first") {
  const { spawnSync } = await import("node:child_process");
  spawnSync(process.execPath, [...process.execArgv, "second"], { stdio: "inherit" });
}`;

/** Nothing listens on port 1. */
function runWithoutServers(ci: string | undefined): { code: number | null; out: string[]; err: string[] } {
  const { CI: _ci, AGENTPLANE_TEST_REDIS: _found, ...inherited } = process.env;
  const env = { ...inherited, REDIS_URL: "redis://127.0.0.1:1", REDIS_SERVER: "no-such-server" };
  const node = [
    "--conditions=agentplane-source",
    "--disable-warning=ExperimentalWarning",
    "--input-type=module",
  ];
  const { status, stdout, stderr } = spawnSync(process.execPath, [...node, "-e", RUN, "first"], {
    env: ci === undefined ? env : { ...env, CI: ci },
    encoding: "utf8",
  });
  const linesOf = (text: string): string[] => text.split("\n").filter((line) => line !== "");
  return { code: status, out: linesOf(stdout), err: linesOf(stderr) };
}

test("tests that need a server that is not there are skipped, with one loud line for the whole run", () => {
  const { code, out, err } = runWithoutServers(undefined);
  expect(code).toBe(0);
  const missing = JSON.stringify({ hasRedis: false, canStartServers: false });
  expect(out).toEqual([missing, missing]);
  expect(err).toEqual([
    expect.stringMatching(
      /^SKIPPED: no Redis answers at 127\.0\.0\.1:1: .*; no no-such-server can be started/,
    ),
  ]);
});

test("with CI set they fail, and say what is missing", () => {
  const { code, out, err } = runWithoutServers("true");
  expect(code).not.toBe(0);
  expect(out).toEqual([]);
  expect(err.join("\n")).toContain("no Redis answers at 127.0.0.1:1");
});
