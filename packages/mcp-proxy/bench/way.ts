import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import { fileURLToPath } from "node:url";

import { LineSplitter } from "../src/frame/read-lines.ts";

/** A way to a server, over which calls are made. */
export interface Way {
  call(): Promise<string>;
  /** Settles when nothing of it runs any more: what it writes to must not be taken away before. */
  close(): Promise<void>;
}

const SERVER = fileURLToPath(new URL("echo-server.ts", import.meta.url));
const CLI = fileURLToPath(new URL("../src/cli.ts", import.meta.url));
const NODE = [process.execPath, "--conditions=agentplane-source"];

async function ended(child: ChildProcess): Promise<void> {
  const isOver = once(child, "exit");
  child.kill();
  await isOver;
}

const WORDS = "x".repeat(50);

function callText(id: number): string {
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo","arguments":{"words":"${WORDS}"}}}`;
}

const INITIALIZE =
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}';

/** Over standard input and output, with or without the proxy between. */
export async function stdioWay(flags: readonly string[] | undefined): Promise<Way> {
  const server = [...NODE, SERVER];
  const [program = "", ...args] =
    flags === undefined ? server : [...NODE, CLI, "run", ...flags, "--", ...server];
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const waiting = new Map<number, (line: string) => void>();
  const splitter = new LineSplitter(1_000_000);
  const decoder = new TextDecoder();
  child.stdout.on("data", (bytes: Uint8Array) => {
    for (const line of splitter.push(bytes)) {
      if (!("bytes" in line)) continue;
      const text = decoder.decode(line.bytes);
      const id = Number(/"id":(\d+)/.exec(text)?.[1]);
      waiting.get(id)?.(text);
      waiting.delete(id);
    }
  });
  let id = 0;
  const ask = (text: string, at: number): Promise<string> =>
    new Promise((resolve) => {
      waiting.set(at, resolve);
      child.stdin.write(`${text}\n`);
    });
  await ask(INITIALIZE, 0);
  return { call: () => ask(callText(++id), id), close: () => ended(child) };
}

/** Starts the server, and the proxy where flags are given. */
export async function httpWay(flags: readonly string[] | undefined): Promise<Way> {
  const children: ChildProcess[] = [];
  const start = async (args: readonly string[]): Promise<string> => {
    const [program = "", ...rest] = NODE;
    const child = spawn(program, [...rest, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    children.push(child);
    return new Promise((resolve) => {
      let said = "";
      child.stderr.on("data", (bytes: Buffer) => {
        said += bytes.toString();
        const url = /listening at (\S+)/.exec(said)?.[1];
        if (url !== undefined) resolve(url);
      });
    });
  };
  const upstream = await start([SERVER, "http"]);
  const url =
    flags === undefined
      ? upstream
      : await start([CLI, "serve", ...flags, "--port", "0", "--upstream", upstream]);
  // Without a timeout of its own it would use connections that the server, idle during the other way's turn, is closing.
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64, timeout: 4_000 });
  let id = 0;
  await post(url, agent, INITIALIZE);
  return {
    call: () => post(url, agent, callText(++id), { "mcp-session-id": "bench" }),
    async close() {
      agent.destroy();
      await Promise.all(children.map(ended));
    },
  };
}

function post(
  url: string,
  agent: http.Agent,
  body: string,
  more: Record<string, string> = {},
): Promise<string> {
  const headers = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    "content-length": String(Buffer.byteLength(body)),
    ...more,
  };
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: "POST", agent, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (text += part));
      response.on("end", () => resolve(text));
    });
    request.on("error", reject);
    request.end(body);
  });
}
