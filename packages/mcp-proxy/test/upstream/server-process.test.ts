import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { expect, onTestFinished, test, vi } from "vitest";

import { ServerProcess } from "../../src/upstream/server-process.ts";

/** What a server sees of its command. */
async function seenBy(args: readonly string[], env: Readonly<Record<string, string>>): Promise<unknown> {
  let server: ServerProcess | undefined;
  const line = await new Promise<Uint8Array>((resolve, reject) => {
    const print =
      "console.log(JSON.stringify({ args: process.argv.slice(1), env: process.env })); process.stdin.resume();";
    server = new ServerProcess(
      { command: process.execPath, args: ["-e", print, "--", ...args], env },
      {
        line: resolve,
        tooLong: () => reject(new Error("too long")),
        exit: (reason) => reject(new Error(reason)),
      },
      1_000_000,
    );
  });
  await server?.stop();
  return JSON.parse(Buffer.from(line).toString()) as unknown;
}

test("a server's arguments are what they are: no shell reads them", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "agentplane-mcp-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, "made");
  const args = [
    `; touch ${file}`,
    `$(touch ${file})`,
    `\`touch ${file}\``,
    "a b",
    "*",
    "~",
    "$HOME",
    `| tee ${file}`,
  ];
  expect(await seenBy(args, {})).toHaveProperty("args", args);
  expect(existsSync(file)).toBe(false);
});

test("a server knows of the proxy's variables the few that every program needs, and those that it is given", async () => {
  for (const name of ["AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "NODE_OPTIONS", "LD_PRELOAD"])
    vi.stubEnv(name, "x");
  vi.stubEnv("SHELL", "() { :; }; echo broken");
  onTestFinished(() => void vi.unstubAllEnvs());
  const { env } = (await seenBy([], { GIVEN: "1" })) as { env: Record<string, string> };
  expect(env["GIVEN"]).toBe("1");
  expect(env["PATH"]).toBe(process.env["PATH"]);
  // macOS gives every process one of its own.
  const few = /^(?:PATH|HOME|LANG|LC_ALL|TERM|TMPDIR|USER|LOGNAME|GIVEN|__CF_USER_TEXT_ENCODING)$/;
  expect(Object.keys(env).filter((name) => !few.test(name))).toStrictEqual([]);
});
