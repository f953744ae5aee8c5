import type { ServerResponse } from "node:http";

import { discoverOAuthProtectedResourceMetadata } from "@modelcontextprotocol/client";
import { describe, expect, test } from "vitest";

import { INITIALIZE, json, post, proxied, scripted } from "./proxied.ts";

const WELL_KNOWN = "/.well-known/oauth-protected-resource";
const CHALLENGE = (at: string) => `Bearer error="invalid_token", resource_metadata="${at}", scope="a b"`;

interface Script {
  readonly challenge?: (origin: string) => string;
  /** What the server says of itself. */
  readonly described?: (origin: string) => unknown;
  readonly serve?: (response: ServerResponse) => void;
}

/** A proxy before a server that wants a token and describes itself. */
async function challenged(script: Script = {}, options: Parameters<typeof proxied>[2] = {}) {
  const {
    challenge = (origin) => CHALLENGE(`${origin}${WELL_KNOWN}/mcp`),
    described = (origin) => ({
      resource: `${origin}/mcp`,
      authorization_servers: ["https://login.example"],
      signed_metadata: "e30.e30.e30",
      "x-future": 1,
    }),
  } = script;
  const server = await scripted(({ path }, response) => {
    const { origin } = new URL(server.url);
    if (path === "/mcp") return json(response, "{}", 401, { "www-authenticate": challenge(origin) });
    if (script.serve !== undefined) return script.serve(response);
    return json(response, described(origin));
  });
  const { url } = await proxied(server.url, {}, { forwardAuthorization: true, ...options });
  const { origin } = new URL(url);
  return { url, origin, upstream: new URL(server.url).origin, got: server.got };
}

describe("a challenge", () => {
  test("leads the client back to the proxy, and the rest of it stays", async () => {
    const { url, origin } = await challenged();
    const refused = await post(url, INITIALIZE);
    expect(refused.status).toBe(401);
    expect(refused.headers.get("www-authenticate")).toBe(CHALLENGE(`${origin}${WELL_KNOWN}/mcp`));
  });

  test("names the proxy as this client does", async () => {
    const { url, origin } = await challenged();
    const asked = url.replace("127.0.0.1", "localhost");
    const refused = await post(asked, INITIALIZE);
    const named = origin.replace("127.0.0.1", "localhost");
    expect(refused.headers.get("www-authenticate")).toBe(CHALLENGE(`${named}${WELL_KNOWN}/mcp`));
  });

  test("names the origin that stands before the proxy", async () => {
    const { url, origin } = await challenged({}, { publicOrigin: "https://mcp.example" });
    const refused = await post(url, INITIALIZE);
    expect(refused.headers.get("www-authenticate")).toBe(CHALLENGE(`https://mcp.example${WELL_KNOWN}/mcp`));
    const { resource } = await readAt(`${origin}${WELL_KNOWN}/mcp`);
    expect(resource).toBe("https://mcp.example/mcp");
  });

  test.each([
    ["Bearer resource_metadata=http://up/x, realm=r", 'Bearer resource_metadata="$", realm=r'],
    ['Bearer RESOURCE_METADATA = "http://up/x"', 'Bearer RESOURCE_METADATA = "$"'],
    [
      'Basic realm="a", Bearer resource_metadata="http://up/x"',
      'Basic realm="a", Bearer resource_metadata="$"',
    ],
    [
      'Bearer realm="say \\"resource_metadata=http://up/x\\""',
      'Bearer realm="say \\"resource_metadata=http://up/x\\""',
    ],
    ['Bearer x_resource_metadata="http://up/x"', 'Bearer x_resource_metadata="http://up/x"'],
    ["Bearer", "Bearer"],
  ])("%s is read as a client reads it", async (given, expected) => {
    const { url, origin } = await challenged({ challenge: () => given });
    const refused = await post(url, INITIALIZE);
    expect(refused.headers.get("www-authenticate")).toBe(expected.replace("$", `${origin}${WELL_KNOWN}/mcp`));
  });
});

/** What the proxy serves at an address. */
async function readAt(at: string): Promise<Record<string, unknown>> {
  const answer = await fetch(at);
  expect([answer.status, answer.headers.get("cache-control")]).toStrictEqual([200, "no-store"]);
  // The test's own server gives an object.
  return (await answer.json()) as Record<string, unknown>;
}

describe("the description of a server", () => {
  test("names the proxy to a client of the SDK, without the signature over the server's name", async () => {
    const { url } = await challenged();
    const found: Record<string, unknown> = { ...(await discoverOAuthProtectedResourceMetadata(url)) };
    expect(found).toStrictEqual({
      resource: url,
      authorization_servers: ["https://login.example"],
      "x-future": 1,
    });
  });

  test.each([
    ["/", (origin: string) => `${origin}/`],
    ["/mcp?a=1", (origin: string) => `${origin}/mcp?a=1`],
    ["", (origin: string) => origin],
  ])("keeps what follows the server's name: %j", async (rest, expected) => {
    const { origin } = await challenged({ described: (upstream) => ({ resource: `${upstream}${rest}` }) });
    expect(await readAt(`${origin}${WELL_KNOWN}`)).toStrictEqual({ resource: expected(origin) });
  });

  test.each(["https://evil.example/mcp", "nothing", 7, undefined])(
    "of another resource, %j, stays: the client is to refuse it",
    async (resource) => {
      const { origin } = await challenged({ described: () => ({ resource }) });
      expect((await readAt(`${origin}${WELL_KNOWN}/mcp`))["resource"]).toBe(resource);
    },
  );

  test("is fetched where the server says, on the server alone, and never with a credential", async () => {
    const elsewhere = await challenged();
    let at = "";
    const { url, origin, upstream, got } = await challenged({ challenge: () => CHALLENGE(at) });
    const fetchedAfter = async (named: string) => {
      at = named;
      await post(url, INITIALIZE);
      await fetch(`${origin}${WELL_KNOWN}/mcp`, { headers: { authorization: "Bearer mine", cookie: "a=b" } });
      expect(got.at(-1)?.headers).not.toHaveProperty("authorization");
      expect(got.at(-1)?.headers).not.toHaveProperty("cookie");
      return got.at(-1)?.path;
    };
    expect(await fetchedAfter(`${elsewhere.upstream}/inner`)).toBe(`${WELL_KNOWN}/mcp`);
    expect(await fetchedAfter("file:///etc/passwd")).toBe(`${WELL_KNOWN}/mcp`);
    expect(await fetchedAfter(`${upstream.replace("://", "://u:p@")}/own`)).toBe(`${WELL_KNOWN}/mcp`);
    expect(await fetchedAfter(`${upstream}/own/place.json`)).toBe("/own/place.json");
    expect(elsewhere.got).toHaveLength(0);
  });

  test.each([
    [404, (response: ServerResponse) => json(response, "{}", 404)],
    [502, (response: ServerResponse) => json(response, "{}", 302, { location: "http://127.0.0.1:1/" })],
    [502, (response: ServerResponse) => json(response, "{}", 500)],
    [502, (response: ServerResponse) => json(response, "not JSON")],
    [502, (response: ServerResponse) => json(response, "[]")],
    [502, (response: ServerResponse) => json(response, `{"a":"${"x".repeat(2_000)}"}`)],
    [502, (response: ServerResponse) => void response.destroy()],
  ])("that cannot be used is answered with %s", async (status, serve) => {
    const { origin } = await challenged({ serve }, { maxFrameBytes: 1_000 });
    expect((await fetch(`${origin}${WELL_KNOWN}/mcp`)).status).toBe(status);
  });

  test("is served to those who are let in, for GET, at its two places", async () => {
    const { origin, got } = await challenged();
    const at = `${origin}${WELL_KNOWN}`;
    expect((await fetch(at, { headers: { origin: "http://evil.example" } })).status).toBe(403);
    expect((await fetch(at, { method: "POST" })).status).toBe(405);
    expect((await fetch(`${at}/other`)).status).toBe(404);
    expect(got).toHaveLength(0);
  });

  test("is not served where the client's authorization stays with the proxy", async () => {
    const { origin, got } = await challenged({}, { forwardAuthorization: false });
    expect((await fetch(`${origin}${WELL_KNOWN}/mcp`)).status).toBe(404);
    expect(got).toHaveLength(0);
  });
});
