import http from "node:http";

import { ConfigError } from "@agentplane/core";
import { describe, expect, test } from "vitest";

import { createHttpProxy } from "../../src/index.ts";
import { begun, callOf, HEADERS, INITIALIZE, json, post, proxied, scripted } from "./proxied.ts";

/** `fetch` does not let a `Host` be chosen. */
function statusOf(url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: "POST", headers: { ...HEADERS, ...headers } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on("error", reject);
    request.end(JSON.stringify(INITIALIZE));
  });
}

const serve = () =>
  scripted((got, response) => {
    if (!begun(got, response)) json(response, { jsonrpc: "2.0", id: 1, result: { content: [] } });
  });

describe("who is let in", () => {
  test.each([
    [{ host: "evil.example" }, 403],
    [{ host: "127.0.0.1.evil.example:80" }, 403],
    [{ host: "user@evil.example" }, 403],
    [{ origin: "http://evil.example" }, 403],
    [{ origin: "null" }, 403],
    [{ host: "localhost:1234" }, 200],
    [{ origin: "http://localhost:6274" }, 200],
    [{ origin: "https://app.example" }, 200],
    [{ host: "proxy.example" }, 200],
  ])("a request with %j gets %s", async (headers, status) => {
    const { url: upstream, got } = await serve();
    const { url } = await proxied(
      upstream,
      {},
      { allowedOrigins: ["app.example"], allowedHosts: ["proxy.example"] },
    );
    expect(await statusOf(url, headers)).toBe(status);
    expect(got).toHaveLength(status === 200 ? 1 : 0);
  });

  test("a bearer token is compared whole, and stays with the proxy", async () => {
    const { url: upstream, got } = await serve();
    const { url } = await proxied(upstream, {}, { token: "s3cret" });
    for (const authorization of ["", "Bearer s3cre", "Bearer s3cret0", "Basic s3cret", "s3cret"]) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      const refused = await post(url, INITIALIZE, authorization === "" ? {} : { authorization });
      expect([refused.status, refused.headers.get("www-authenticate")]).toStrictEqual([401, "Bearer"]);
    }
    expect(got).toHaveLength(0);
    expect((await post(url, INITIALIZE, { authorization: "Bearer s3cret" })).status).toBe(200);
    expect(got[0]?.headers.authorization).toBeUndefined();
  });

  test.each([
    [{ host: "0.0.0.0" }, ["token", "allowedHosts"]],
    [{ host: "0.0.0.0", token: "t" }, ["allowedHosts"]],
    [{ token: "" }, ["token"]],
    [{ upstream: "ftp://x" }, ["upstream"]],
    [{ upstream: "http://user:word@x/" }, ["upstream"]],
    [{ token: "t", forwardAuthorization: true }, ["forwardAuthorization"]],
    [{ publicOrigin: "https://x/path", forwardAuthorization: true }, ["publicOrigin"]],
    [{ publicOrigin: "https://x" }, ["publicOrigin"]],
    [{ maxConcurrent: -1 }, ["maxConcurrent"]],
    [{ receiveMs: 0 }, ["receiveMs"]],
    [{ forwardAuthorisation: true }, ["forwardAuthorisation"]],
  ] as const)("options %j are refused", async (options: object, paths) => {
    const made = proxied("http://127.0.0.1:1/mcp", {}, options);
    const error = await made.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ConfigError);
    for (const path of paths) expect(String(error)).toContain(path);
  });

  test("an address that is taken is said so", async () => {
    const { url } = await proxied("http://127.0.0.1:1/mcp");
    const { plane } = await proxied("http://127.0.0.1:1/mcp");
    await expect(
      createHttpProxy({
        plane,
        identity: { agent: "a" },
        server: "s",
        upstream: "http://127.0.0.1:1/mcp",
        port: Number(new URL(url).port),
      }),
    ).rejects.toThrow("EADDRINUSE");
  });
});

describe("headers", () => {
  const talk = async (options: Parameters<typeof proxied>[2], headers: Record<string, string>) => {
    const { url: upstream, got } = await scripted((one, response) => {
      if (begun(one, response)) return;
      json(response, { jsonrpc: "2.0", id: 1, result: { content: [] } }, 200, {
        "set-cookie": "a=b",
        "mcp-future": "x",
        server: "secret/1",
      });
    });
    const { url } = await proxied(upstream, {}, options);
    await post(url, INITIALIZE);
    const answer = await post(url, callOf(1, "f"), { "mcp-session-id": "s-1", ...headers });
    return { sent: got[1]?.headers ?? {}, answer };
  };

  test("those of MCP and tracing pass, those of one connection, cookies and credentials do not", async () => {
    const { sent, answer } = await talk(
      {},
      {
        "mcp-protocol-version": "2025-11-25",
        "mcp-param-x": "1",
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        cookie: "a=b",
        authorization: "Bearer mine",
        "proxy-authorization": "Basic x",
        "x-forwarded-for": "1.2.3.4",
        te: "trailers",
      },
    );
    expect(sent).toMatchObject({
      "mcp-session-id": "s-1",
      "mcp-protocol-version": "2025-11-25",
      "mcp-param-x": "1",
      traceparent: expect.stringContaining("0af7"),
    });
    for (const name of ["cookie", "authorization", "proxy-authorization", "x-forwarded-for", "te", "origin"])
      expect(sent[name]).toBeUndefined();
    expect(answer.headers.get("mcp-future")).toBe("x");
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect(answer.headers.get("server")).toBeNull();
  });

  test("the client's authorization goes on only when that is wanted, and the proxy's own is presented instead", async () => {
    const authorization = "Bearer mine";
    const forwarded = await talk({ forwardAuthorization: true }, { authorization });
    expect(forwarded.sent.authorization).toBe(authorization);
    const own = await talk({ upstreamToken: "ours" }, { authorization });
    expect(own.sent.authorization).toBe("Bearer ours");
  });
});
