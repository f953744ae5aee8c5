import { once } from "node:events";
import http from "node:http";
import net from "node:net";

import { expect, onTestFinished, test } from "vitest";

import { asked, HEADERS, inSession, json, SESSION } from "./proxied.ts";

const PING = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });

/** Longer than what lies between two ends of a connection: most of it is not sent when the answer is there. */
const LONG = `{"a":"${"x".repeat(4_000_000)}"}`;

interface Posting {
  readonly headers?: Readonly<Record<string, string>>;
  readonly isChunked?: boolean;
}

/** Posts over the one connection that an agent may have. @returns The status. */
function post(
  url: string,
  agent: http.Agent,
  body: string,
  { headers, isChunked }: Posting,
): Promise<number> {
  const length = isChunked === true ? {} : { "content-length": String(body.length) };
  return new Promise((resolve, reject) => {
    const request = http.request(url, {
      method: "POST",
      agent,
      headers: { ...HEADERS, ...length, ...headers },
    });
    request.on("error", reject);
    request.on("response", (response) => {
      response.on("error", reject);
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    });
    request.end(body);
  });
}

test.each<[string, Posting, number]>([
  ["in a session", { headers: SESSION }, 413],
  ["in a session, without its length", { headers: SESSION, isChunked: true }, 413],
  ["in none", {}, 413],
  ["in none, without its length", { isChunked: true }, 413],
  ["in one that nobody knows", { headers: { "mcp-session-id": "other" } }, 413],
  ["of another type", { headers: { ...SESSION, "content-type": "text/plain" } }, 415],
  ["for another host", { headers: { ...SESSION, host: "evil.example" } }, 403],
])("after a body that is too long %s, the next call is answered", async (_where, posting, status) => {
  const { url } = await inSession(
    (got, response) => {
      const { id } = asked(got);
      if (id === undefined) return void response.writeHead(202).end();
      return json(response, { jsonrpc: "2.0", id, result: {} });
    },
    [],
    { maxFrameBytes: 1_000 },
  );
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const statuses: number[] = [];
  for (let turn = 0; turn < 3; turn++) {
    // oxlint-disable-next-line no-await-in-loop -- over one connection
    statuses.push(await post(url, agent, LONG, posting));
    // oxlint-disable-next-line no-await-in-loop
    statuses.push(await post(url, agent, PING, { headers: SESSION }));
  }
  expect(statuses).toStrictEqual(Array.from({ length: 3 }, () => [status, 200]).flat());
});

/** A connection on which a request has been begun that is refused for its length. */
async function refusedOn(url: string, session: string): Promise<net.Socket> {
  const { port, host } = new URL(url);
  const socket = net.connect(Number(port), "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  // What is written meets one that was cut.
  socket.on("error", () => undefined);
  await once(socket, "connect");
  const head = ["POST /mcp HTTP/1.1", `host: ${host}`, "content-type: application/json", session];
  socket.write([...head, "transfer-encoding: chunked", "", ""].join("\r\n"));
  return socket;
}

const CHUNK = `10000\r\n${"x".repeat(0x1_00_00)}\r\n`;

/** Writes pieces of a body, each once the one before has left. */
async function write(socket: net.Socket, count: number): Promise<void> {
  for (let at = 0; at < count; at++)
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await new Promise<void>((resolve, reject) => {
      socket.write(CHUNK, (error) => (error ? reject(error) : resolve()));
    });
}

const REFUSING = { maxFrameBytes: 1_000 };
const NOTHING_ELSE = (): void => undefined;

test.each([["mcp-session-id: s-1"], ["mcp-session-id: other"], ["accept: */*"]])(
  "a client that writes all it has to say before it reads hears why it was refused: %s",
  async (session) => {
    const { url } = await inSession(NOTHING_ELSE, [], REFUSING);
    const socket = await refusedOn(url, session);
    await write(socket, 100);
    socket.write("0\r\n\r\n");
    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 413 /);
  },
);

test("who never ends a refused body is cut", async () => {
  const { url } = await inSession(NOTHING_ELSE, [], REFUSING);
  const socket = await refusedOn(url, "accept: */*");
  await expect(write(socket, 10_000)).rejects.toThrow(/EPIPE|ECONNRESET|ECANCELED|destroyed/);
});

test("who does not go on with a refused body is not waited for", async () => {
  const { url } = await inSession(NOTHING_ELSE, [], { ...REFUSING, receiveMs: 200 });
  const socket = await refusedOn(url, "accept: */*");
  await write(socket, 1);
  socket.resume();
  await once(socket, "close");
  expect(socket.bytesRead).toBeGreaterThan(0);
});
