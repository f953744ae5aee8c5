import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { playScenario, type Scenario } from "./conformance-client.ts";
import { takeErrands } from "./conformance-errands.ts";

const KIT = path.join(
  path.dirname(fileURLToPath(import.meta.resolve("@modelcontextprotocol/conformance/package.json"))),
  "dist/index.js",
);

/** What the kit says of each scenario: its checks, with how they went. Information it only notes is left out. */
export type Verdicts = Readonly<Record<string, readonly string[]>>;

/** Stands before a server. */
export type Before = (url: string) => Promise<{ readonly url: string; close(): Promise<void> }>;

/**
 * Runs the scenarios of a frozen set of requirements against a server. Each has the time that the kit gives it: some of it
 * passes in fixed waits, and a server behind the bridge starts within its first.
 */
export function serverVerdicts(url: string, requirements: string): Promise<Verdicts> {
  return verdictsOf(["server", "--url", url, "--requirements", requirements]);
}

/**
 * Runs those that ask something of a client.
 * @param before Gives the address under which the client is to reach the kit's server. Default: the kit's own.
 */
export async function clientVerdicts(requirements: string, before?: Before): Promise<Verdicts> {
  /** Under which name a server was reached, and its own. */
  const names = new Map<string, string>();
  const errands = takeErrands((scenario) => played(scenario, before, names));
  try {
    return await verdictsOf(["client", "--command", errands.command, "--requirements", requirements], names);
  } finally {
    errands.close();
  }
}

async function played(
  scenario: Scenario,
  before: Before | undefined,
  names: Map<string, string>,
): Promise<void> {
  const proxy = await before?.(scenario.url);
  if (proxy !== undefined) names.set(new URL(proxy.url).origin, new URL(scenario.url).origin);
  try {
    await playScenario({ ...scenario, url: proxy?.url ?? scenario.url });
  } finally {
    await proxy?.close();
  }
}

async function verdictsOf(args: readonly string[], names = new Map<string, string>()): Promise<Verdicts> {
  const folder = mkdtempSync(path.join(tmpdir(), "agentplane-kit-"));
  try {
    const options = { timeout: 200_000, maxBuffer: 1 << 26 };
    // The exit code says that something failed: which, is what is compared.
    await new Promise<void>((resolve) =>
      execFile(process.execPath, [KIT, ...args, "-o", folder], options, () => resolve()),
    );
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
    const found = files.filter((file) => path.basename(file) === "checks.json").toSorted();
    const entries = found.map((file) => [scenarioOf(file), checksOf(path.join(folder, file), names)]);
    return Object.fromEntries(entries) as Verdicts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `auth/basic-cimd-2026-07-28T10-00-00-000Z/checks.json` is of `auth/basic-cimd`. */
function scenarioOf(file: string): string {
  return path.dirname(file).replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, "");
}

/** The kit's own form. */
interface Check {
  readonly id: string;
  readonly status: string;
  readonly details?: { readonly prmResource?: string; readonly authorizationResource?: string };
}

function checksOf(file: string, names: ReadonlyMap<string, string>): readonly string[] {
  const checks = (JSON.parse(readFileSync(file, "utf8")) as Check[]).filter(
    ({ status }) => status !== "INFO",
  );
  return [...new Set(checks.map((check) => `${statusOf(check, names)} ${check.id}`))].toSorted();
}

/**
 * A client asks for a token for what it speaks to, and that is the proxy. The kit knows its server by one name alone: where
 * the two differ in nothing but that name, the client did what it asks for.
 */
function statusOf({ id, status, details }: Check, names: ReadonlyMap<string, string>): string {
  const asked = details?.authorizationResource;
  if (id !== "resource-parameter-matches-prm" || asked === undefined) return status;
  const { origin } = new URL(asked);
  return asked.replace(origin, names.get(origin) ?? origin) === details?.prmResource ? "SUCCESS" : status;
}
