import { spawn } from "node:child_process";
import { once } from "node:events";

import { expect, test } from "vitest";

import { startProblem } from "../../src/upstream/start-problem.ts";
import { INITIALIZE, post, proxied } from "../http/proxied.ts";

const failure = (code: string): Error => Object.assign(new Error(`spawn npx ${code}`), { code });

test.each(["ENOENT", "EINVAL"])("says on Windows how a script is run: %s", (code) => {
  const problem = startProblem({ command: "npx" }, failure(code), "win32");
  expect(problem).toContain(`spawn npx ${code}`);
  expect(problem).toContain("write cmd /c npx");
});

test.each([
  ["elsewhere", "npx", failure("ENOENT"), "linux"],
  ["of a program", "C:\\bin\\server.EXE", failure("ENOENT"), "win32"],
  ["of another failure", "npx", failure("EACCES"), "win32"],
] as const)("says nothing of scripts %s", (_when, command, error, platform) => {
  expect(startProblem({ command }, error, platform)).not.toContain("cmd");
});

test("names what the system says of a command that is not there", async () => {
  const [error] = (await once(spawn("no-such-server"), "error").catch((thrown: unknown) => [thrown])) as [
    Error,
  ];
  expect(startProblem({ command: "no-such-server" }, error, "win32")).toContain("cmd /c no-such-server");
});

test("a command that the system refuses at once is an error to the client, and the proxy lives on", async () => {
  const upstream = { command: process.execPath, args: ["a\0b"] };
  const { url } = await proxied("http://127.0.0.1:1/", {}, { upstream });
  for (let time = 0; time < 2; time++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    const answer = await post(url, INITIALIZE);
    // oxlint-disable-next-line no-await-in-loop
    const text = await answer.text();
    expect(answer.status).toBe(502);
    expect(text).toContain('"message":"the server cannot be started: ');
  }
});
