import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { describe, expect, onTestFinished, test } from "vitest";

import { proxied } from "../http/proxied.ts";
import { PROXY } from "../node-command.ts";
import { CELLS, CLIENTS, PAIR_CLIENT, PAIRS, SERVERS, type Cell, type Pair } from "./cells.ts";
import { lookWith, type Command, type Place } from "./clients.ts";
import { overHttp } from "./http-front.ts";
import { overSse } from "./sse-front.ts";
import { matrixServer } from "./servers.ts";

const isNight = process.env["MCP_MATRIX"] === "all";

const keyOf = ([pair, client, server]: readonly string[]): string => `${pair} ${client} ${server}`;

test("no cell is missing, and none is there twice", () => {
  const stdio = CLIENTS.flatMap((client) => SERVERS.map((server) => ["stdio-stdio", client, server]));
  const pairs = PAIRS.flatMap((pair) => SERVERS.map((server) => [pair, PAIR_CLIENT, server]));
  const all = new Set([...stdio, ...pairs].map(keyOf));
  expect(CELLS.map(keyOf).toSorted()).toStrictEqual([...all].toSorted());
});

test("each client, server and pair of transports is in a cell that every run tries", () => {
  const tried = new Set(CELLS.filter(([, , , when]) => when === "always").flat());
  expect([...CLIENTS, ...SERVERS, ...PAIRS].filter((name) => !tried.has(name))).toStrictEqual([]);
});

/** The way through a proxy without policies. */
async function through(pair: Pair, command: Command, folder: string): Promise<Place> {
  const policy = path.join(folder, "policies.yaml");
  writeFileSync(policy, "apiVersion: agentplane/v1\npolicies: []\n");
  const run: Command = [...PROXY, "run", "--policy", policy];
  const [from, to] = pair.split("-");
  if (to === "stdio") {
    const [program, ...args] = command;
    if (from === "stdio") return { command: [...run, "--", ...command] };
    return { url: (await proxied("http://127.0.0.1:1/", {}, { upstream: { command: program, args } })).url };
  }
  const front = await (to === "sse" ? overSse(command) : overHttp(command));
  onTestFinished(() => front.close());
  if (from === "stdio") return { command: [...run, "--upstream", front.url] };
  return { url: (await proxied(front.url)).url };
}

const now = CELLS.filter(([, , , when]) => isNight || when === "always");

describe.each(now.map((cell): [string, Cell] => [keyOf(cell), cell]))("%s", (_key, cell) => {
  test("shows through the proxy what it shows without it", { timeout: 120_000 }, async () => {
    const [pair, client, name] = cell;
    const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "agentplane-matrix-")));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const [direct, proxy] = ["direct", "proxy"].map((one) => path.join(folder, one));
    for (const one of [direct, proxy]) mkdirSync(one ?? "");
    const bare = matrixServer(name, direct ?? "");
    const behind = matrixServer(name, proxy ?? "");
    const place = await through(pair, behind.command, folder);
    const [without, seen] = await Promise.all([
      lookWith(client, { command: bare.command }, bare.calls),
      lookWith(client, place, behind.calls),
    ]);
    expect(without.tools.length).toBeGreaterThan(0);
    expect(without.answers.filter((answer) => answer === undefined)).toStrictEqual([]);
    expect(without.answers).toHaveLength(bare.calls.length);
    expect(JSON.stringify(seen)).toBe(JSON.stringify(without));
  });
});
