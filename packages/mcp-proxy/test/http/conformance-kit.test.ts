import { fileURLToPath } from "node:url";

import { expect, onTestFailed, onTestFinished, test } from "vitest";

import { NODE } from "../node-command.ts";
import { addConformanceFeatures } from "./conformance-features.ts";
import { VERIFIED_STATE } from "./conformance-inputs.ts";
import { clientVerdicts, serverVerdicts, type Before, type Verdicts } from "./conformance-kit.ts";
import { everythingServer } from "./everything-server.ts";
import { proxied } from "./proxied.ts";

const passed = (verdicts: Verdicts): number =>
  Object.values(verdicts)
    .flat()
    .filter((verdict) => verdict.startsWith("SUCCESS ")).length;

// Scenarios of the kit wait for fixed times: on a busy machine one may fail on either side.
const PATIENCE = { timeout: 240_000, retry: 2 };

test.each([
  ["2025-11-25", 60],
  ["2026-07-28", 110],
])(
  "the conformance kit says the same of a server through the proxy as without it: %s",
  PATIENCE,
  async (requirements, leastPassed) => {
    const { url } = await proxied(await served());
    const [direct, through] = await Promise.all([directly(requirements), serverVerdicts(url, requirements)]);
    expect(through).toStrictEqual(direct);
    expect(passed(through)).toBeGreaterThanOrEqual(leastPassed);
  },
);

/** What a server over standard streams cannot do, or the SDK's does otherwise there than over HTTP, scenario by scenario. */
const NOT_OVER_STREAMS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  "2025-11-25": {
    // Events are numbered, and a stream is closed in the middle, by servers that speak HTTP themselves.
    "server-server-sse-polling": ["WARNING server-sse-priming-event", "WARNING server-sse-retry-field"],
    // It counts streams among the answers, and a bridge gives bodies where nothing else is said.
    "server-server-sse-multiple-streams": ["SUCCESS server-sse-streams-functional"],
  },
  "2026-07-28": {
    // Over standard streams the SDK answers `server/discover` whatever version the request is of.
    "server-server-stateless": [
      "SUCCESS sep-2575-http-server-unsupported-version-400",
      "SUCCESS sep-2575-server-unsupported-version-error",
    ],
  },
};

const STDIO_SERVER = fileURLToPath(new URL("../bridge/conformance-stdio-server.ts", import.meta.url));

test.each([
  // One of its scenarios waits for what cannot come until its time is over.
  ...(process.env["MCP_MATRIX"] === "all" ? [["2025-11-25", 60] as const] : []),
  ["2026-07-28", 108] as const,
])(
  "the conformance kit says of a server over standard streams, through the bridge, what these can carry: %s",
  PATIENCE,
  async (requirements, leastPassed) => {
    const [command, ...args] = [...NODE, "--conditions=agentplane-source", STDIO_SERVER];
    const upstream = { command, args };
    const { url } = await proxied("http://127.0.0.1:1/", {}, { upstream, maxSessions: 100 });
    const [direct, through] = await Promise.all([directly(requirements), serverVerdicts(url, requirements)]);
    const lost = NOT_OVER_STREAMS[requirements] ?? {};
    for (const [scenario, verdicts] of Object.entries(direct)) {
      const expected = verdicts.filter((one) => lost[scenario]?.includes(one) !== true);
      const seen = (through[scenario] ?? []).filter((one) => !isNamed(lost[scenario], one));
      expect([scenario, seen]).toStrictEqual([scenario, expected]);
    }
    expect(passed(through)).toBeGreaterThanOrEqual(leastPassed);
  },
);

function isNamed(lost: readonly string[] | undefined, verdict: string): boolean {
  return lost?.some((one) => one.split(" ")[1] === verdict.split(" ")[1]) === true;
}

/** @returns The address of a server that ends with the test. */
async function served(): Promise<string> {
  const server = await everythingServer({
    extend: addConformanceFeatures,
    server: { requestState: VERIFIED_STATE },
  });
  onTestFinished(() => server.close());
  return server.url;
}

/** What the kit says of a server without the proxy, once for each set: and anew where a comparison with it has failed. */
const known = new Map<string, Verdicts>();

async function directly(requirements: string): Promise<Verdicts> {
  onTestFailed(() => void known.delete(requirements));
  const direct = known.get(requirements) ?? (await serverVerdicts(await served(), requirements));
  known.set(requirements, direct);
  return direct;
}

/**
 * Here an identity provider grants the use of one resource, which the client names: the proxy. The kit's authorization server
 * knows its resource by its own name alone and refuses the grant. It is an extension, not scored.
 */
const OWN_NAME = "auth/enterprise-managed-authorization";

const proxyBefore: Before = async (upstream) => {
  const { proxy } = await proxied(upstream, {}, { forwardAuthorization: true });
  // The kit's servers are called localhost, as its authorization servers are.
  return { url: proxy.url.replace("127.0.0.1", "localhost"), close: () => proxy.close() };
};

test.each([
  ["2025-11-25", 150],
  ["2026-07-28", 200],
])(
  "the conformance kit says the same of a client through the proxy as without it: %s",
  PATIENCE,
  async (requirements, leastPassed) => {
    const [direct, through] = await Promise.all([
      clientVerdicts(requirements),
      clientVerdicts(requirements, proxyBefore),
    ]);
    const { [OWN_NAME]: named, ...rest } = through;
    const { [OWN_NAME]: _direct, ...others } = direct;
    expect(rest).toStrictEqual(others);
    expect(named?.filter((verdict) => !verdict.startsWith("SUCCESS "))).toStrictEqual([
      "FAILURE complete-flow-jwt-bearer",
    ]);
    expect(passed(through)).toBeGreaterThanOrEqual(leastPassed);
  },
);
