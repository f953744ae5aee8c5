import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

import type { Client } from "@modelcontextprotocol/client";
import { afterEach, beforeEach, expect, test } from "vitest";

import { NODE, PROXY } from "./node-command.ts";
import { connected, serverEntry, throughProxy } from "./stdio-client.ts";

const POLICIES = `
apiVersion: agentplane/v1
policies:
  - id: files
    blocking:
      - { rule: denylist, tools: [move_file] }
      - { rule: condition, id: writes, where: { tool: [write_file, edit_file, create_directory] }, then: escalate }
      - { rule: redact, detect: [email] }
    escalation:
      - { trigger: writes, after: 1, within: 1h, action: { hitl: { timeout: 5m } } }
`;

let folder: string;
let files: string;
let client: Client | undefined;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), "agentplane-mcp-")));
  files = path.join(folder, "files");
  mkdirSync(files);
  writeFileSync(path.join(files, "a.txt"), "mail mira@example.com\nGrüße 🚀");
  writeFileSync(path.join(folder, "policies.yaml"), POLICIES);
});
afterEach(async () => {
  await client?.close();
  client = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const server = (): readonly string[] => [
  ...NODE,
  serverEntry("@modelcontextprotocol/server-filesystem/dist/index.js"),
  files,
];
const flags = (...more: readonly string[]): readonly string[] => [
  "--policy",
  path.join(folder, "policies.yaml"),
  "--server",
  "files",
  ...more,
];

test("reading is free and redacted, a forbidden tool does not exist, and the other lists are as without us", async () => {
  const direct = await connected(server());
  const bare = await direct.client.listTools();
  const unknown = await direct.client
    .callTool({ name: "no_such_tool", arguments: {} })
    .catch((error: unknown) => error);
  await direct.client.close();
  ({ client } = await connected(throughProxy(flags(), server())));
  const { tools } = await client.listTools();
  expect(tools).toStrictEqual(bare.tools.filter(({ name }) => name !== "move_file"));
  const read = await client.callTool({
    name: "read_text_file",
    arguments: { path: path.join(files, "a.txt") },
  });
  expect(JSON.stringify(read)).not.toContain("example.com");
  expect(JSON.stringify(read)).toContain("Grüße 🚀");
  const moved = { source: path.join(files, "a.txt"), destination: path.join(files, "b.txt") };
  const hidden = await client
    .callTool({ name: "move_file", arguments: moved })
    .catch((error: unknown) => error);
  expect(JSON.stringify(hidden)).toBe(JSON.stringify(unknown).replaceAll("no_such_tool", "move_file"));
  expect(existsSync(path.join(files, "a.txt"))).toBe(true);
});

test("a write asks the client's user, runs once when approved, and not when declined", async () => {
  const answers = [{ action: "accept" as const, content: { approve: true } }, { action: "decline" as const }];
  const asked: string[] = [];
  const both = await connected(throughProxy(flags(), server()), { capabilities: { elicitation: {} } });
  ({ client } = both);
  client.setRequestHandler("elicitation/create", async ({ params }) => {
    asked.push(params.message);
    return answers.shift() ?? { action: "cancel" };
  });
  const write = (name: string) =>
    client?.callTool({ name: "write_file", arguments: { path: path.join(files, name), content: "x" } });
  const first = await write("new.txt");
  expect(first?.isError ?? false).toBe(false);
  expect(existsSync(path.join(files, "new.txt"))).toBe(true);
  expect(asked[0]).toContain("write_file");
  const second = await write("other.txt");
  expect(second?.isError).toBe(true);
  expect(existsSync(path.join(files, "other.txt"))).toBe(false);
});

test("an operator answers from a shell where the client cannot ask", async () => {
  const approvals = path.join(folder, "approvals");
  ({ client } = await connected(throughProxy(flags("--approvals", approvals), server())));
  const writing = client.callTool({
    name: "write_file",
    arguments: { path: path.join(files, "new.txt"), content: "x" },
  });
  const questions = (): string[] =>
    existsSync(approvals) ? readdirSync(approvals).filter((name) => name.endsWith(".question.json")) : [];
  await expect.poll(questions, { timeout: 10_000 }).toHaveLength(1);
  const [question = ""] = questions();
  const id = decodeURIComponent(question.replace(".question.json", ""));
  const [program, ...args] = PROXY;
  await promisify(execFile)(program, [...args, "approve", approvals, id, "--by", "olga"]);
  const written = await writing;
  expect(written.isError ?? false).toBe(false);
  expect(existsSync(path.join(files, "new.txt"))).toBe(true);
  // The answer lets the call go on at once; the question's file goes after it.
  await expect.poll(questions, { timeout: 10_000 }).toHaveLength(0);
});

test("a changed policy file is in force at the next call, and the client is told that the list has changed", async () => {
  ({ client } = await connected(throughProxy(flags(), server())));
  let told = 0;
  client.setNotificationHandler("notifications/tools/list_changed", () => void told++);
  expect((await client.listTools()).tools.map(({ name }) => name)).toContain("write_file");
  writeFileSync(
    path.join(folder, "policies.yaml"),
    POLICIES.replace("[move_file]", "[move_file, write_file]"),
  );
  await expect.poll(() => told, { timeout: 10_000 }).toBeGreaterThan(0);
  expect((await client.listTools()).tools.map(({ name }) => name)).not.toContain("write_file");
});

test("without a policy file, and with one that is wrong, nothing starts and the reason is said on standard error", async () => {
  const [program, ...command] = PROXY;
  const start = async (...args: readonly string[]): Promise<unknown> =>
    promisify(execFile)(program, [...command, ...args]).catch((error: unknown) => error);
  expect(await start("run", "--", "true")).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("--policy"),
  });
  writeFileSync(
    path.join(folder, "policies.yaml"),
    "apiVersion: agentplane/v1\npolicies: [{ id: x, blokking: [] }]\n",
  );
  expect(await start("run", ...flags(), "--", "true")).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringContaining("blocking"),
  });
  expect(await start("rum")).toMatchObject({ code: 2, stderr: expect.stringContaining("no command") });
});
