import { execFile } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { expect, onTestFinished, test } from "vitest";

import { addConformanceFeatures } from "./conformance-features.ts";
import { everythingServer } from "./everything-server.ts";
import { proxied } from "./proxied.ts";

const KIT = path.join(
  path.dirname(fileURLToPath(import.meta.resolve("@modelcontextprotocol/conformance/package.json"))),
  "dist/index.js",
);

/** What each scenario of a frozen set of requirements says of a server. */
function verdicts(url: string, requirements: string): Promise<readonly string[]> {
  const args = [KIT, "server", "--url", url, "--requirements", requirements];
  return new Promise((resolve) => {
    // The exit code says that something failed: which, is what is compared.
    execFile(process.execPath, args, { timeout: 100_000 }, (_error, stdout) => {
      const lines = stdout.match(/^[✓✗] .*: \d+ passed, \d+ failed$/gm) ?? [];
      resolve([...new Set(lines)].toSorted());
    });
  });
}

test.each([
  ["2025-11-25", 55],
  ["2026-07-28", 100],
])(
  "the conformance kit says the same of a server through the proxy as without it: %s",
  // Scenarios of the kit wait for fixed times: on a busy machine one may fail on either side.
  { timeout: 120_000, retry: 2 },
  async (requirements, leastPassed) => {
    const server = await everythingServer({ extend: addConformanceFeatures });
    onTestFinished(() => server.close());
    const { url } = await proxied(server.url);
    const [direct, through] = await Promise.all([
      verdicts(server.url, requirements),
      verdicts(url, requirements),
    ]);
    expect(through).toStrictEqual(direct);
    const passed = through.map((line) => Number(/: (\d+) passed/.exec(line)?.[1] ?? 0));
    expect(passed.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(leastPassed);
  },
);
