import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

import * as z from "zod";

import { NOT_APPLICABLE } from "../src/testing/not-applicable.ts";
import { FEATURES, REQUIREMENTS, WAYS, type Crossing } from "../src/testing/requirements.ts";
import { markdownTable } from "./schema-text.ts";

/** An adapter, and what it does not meet. */
export interface AdapterSkips {
  readonly package: string;
  readonly name: string;
  readonly skips: Readonly<Record<string, string>>;
}

/** An adapter with the folder of its conformance test. */
export interface FoundAdapter extends AdapterSkips {
  readonly folder: string;
}

const INTRODUCTION = `# What is enforced where

<!-- Generated from the adapters' conformance tests: node --conditions=agentplane-source packages/core/scripts/write-adapter-table.ts -->

Every adapter runs the same suite, \`conformanceSuite\` of \`@agentplane/core/testing\`, against the real framework. A
requirement it does not meet stands in its test's literal table with the reason; the suite also fails when a
requirement of that table is met after all. So "yes" means: shown by a test, and by a second one that a deliberately
wrong adapter fails it.`;

/** The page `docs/adapters.md`. */
export function renderAdapterTable(adapters: readonly AdapterSkips[]): string {
  const parts = [INTRODUCTION, ...adapters.flatMap((adapter) => sectionOf(adapter)), ...glossary()];
  return `${parts.join("\n\n")}\n`;
}

/**
 * Finds the adapters of the repository: packages whose tests have a `conformance-skips.ts`, once for each entry.
 * @param packagesFolder Absolute path of `packages`.
 */
export async function readAdapters(packagesFolder: string): Promise<readonly FoundAdapter[]> {
  const found = readdirSync(packagesFolder)
    .toSorted()
    .flatMap((name) => skipFiles(path.join(packagesFolder, name, "test")).map((file) => ({ name, file })));
  return Promise.all(
    found.map(async ({ name, file }) => {
      const { NAME, SKIPS } = Skips.parse(await import(pathToFileURL(file).href));
      return { package: `@agentplane/${name}`, name: NAME, skips: SKIPS, folder: path.dirname(file) };
    }),
  );
}

function skipFiles(tests: string): readonly string[] {
  if (!existsSync(tests)) return [];
  const folders = readdirSync(tests, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return ["", ...folders.map(({ name }) => name).toSorted()]
    .map((folder) => path.join(tests, folder, "conformance-skips.ts"))
    .filter((file) => existsSync(file));
}

const Skips = z.object({ NAME: z.string(), SKIPS: z.record(z.string(), z.string()) });

function sectionOf({ package: packageName, name, skips }: AdapterSkips): readonly string[] {
  const open = Object.entries(skips);
  const rows = FEATURES.map((feature) => [feature, ...WAYS.map((way) => cellOf(`${feature}.${way}`, skips))]);
  const beside = besides().map(({ id, sentence }) => [sentence, id in skips ? "**no**" : "yes"]);
  return [
    `## ${name} (\`${packageName}\`)`,
    markdownTable(["", ...WAYS], rows),
    markdownTable(["beside the table", ""], beside),
    open.length === 0
      ? "It meets every requirement."
      : open.map(([id, reason]) => `- **${id}** is not met: ${reason}.`).join("\n"),
  ];
}

function cellOf(crossing: Crossing, skips: AdapterSkips["skips"]): string {
  if (NOT_APPLICABLE[crossing] !== undefined) return "–";
  return crossing in skips ? "**no**" : "yes";
}

/** The requirements that are no crossing of the table. */
function besides(): typeof REQUIREMENTS {
  const crossings: ReadonlySet<string> = new Set(
    FEATURES.flatMap((feature) => WAYS.map((way) => `${feature}.${way}`)),
  );
  return REQUIREMENTS.filter(({ id }) => !crossings.has(id));
}

function glossary(): readonly string[] {
  return [
    "## The requirements",
    markdownTable(
      ["requirement", "says"],
      REQUIREMENTS.map(({ id, sentence }) => [`\`${id}\``, sentence]),
    ),
    "## What the table leaves out",
    markdownTable(
      ["crossing", "because"],
      Object.entries(NOT_APPLICABLE).map(([crossing, reason]) => [`\`${crossing}\``, reason]),
    ),
  ];
}
