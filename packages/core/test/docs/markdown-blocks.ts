import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** One fenced block of a Markdown page. */
export interface MarkdownBlock {
  /** The page, relative to the repository. */
  readonly page: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  /** The id of an HTML comment in front of the fence: `snippet: quickstart` or `output: unknown-field`. */
  readonly marker: string | undefined;
  readonly code: string;
}

const ROOT = new URL("../../../../", import.meta.url);

/** The pages that readers follow: the README files of the repository and of core, and everything in `docs`. */
export const PAGES: readonly string[] = [
  "README.md",
  "packages/core/README.md",
  ...readdirSync(new URL("docs/", ROOT), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => `docs/${file.replaceAll("\\", "/")}`)
    .toSorted(),
];

/** The absolute path of a file of the repository. */
export function repositoryPath(file: string): string {
  return fileURLToPath(new URL(file, ROOT));
}

/** The text of a page. */
export function readPage(page: string): string {
  return readFileSync(repositoryPath(page), "utf8");
}

/** Every fenced block of a page, in order. */
export function blocksOf(page: string): readonly MarkdownBlock[] {
  const lines = readPage(page).split("\n");
  const blocks: MarkdownBlock[] = [];
  let marker: string | undefined;
  for (let at = 0; at < lines.length; at++) {
    const text = lines[at] ?? "";
    const fence = /^```([a-z]*)$/.exec(text);
    if (fence === null) {
      const comment = /^<!-- ((?:snippet|output): [\w-]+) -->$/.exec(text);
      if (comment !== null) marker = comment[1];
      else if (text.trim() !== "") marker = undefined;
      continue;
    }
    const end = lines.indexOf("```", at + 1);
    if (end === -1) throw new Error(`${page}:${at + 1}: the fence is never closed`);
    const code = lines.slice(at + 1, end).join("\n");
    blocks.push({ page, line: at + 1, language: fence[1] ?? "", marker, code });
    marker = undefined;
    at = end;
  }
  return blocks;
}

/**
 * The one block of a page with a marker.
 * @param marker Such as `snippet: quickstart`.
 */
export function blockOf(page: string, marker: string): MarkdownBlock {
  const found = blocksOf(page).filter((block) => block.marker === marker);
  const [only] = found;
  if (only === undefined || found.length > 1)
    throw new Error(`${page}: ${found.length} blocks marked "${marker}"`);
  return only;
}
