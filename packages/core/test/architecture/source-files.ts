import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** The root of the repository. */
export const REPOSITORY = path.join(import.meta.dirname, "../../../..");

/** The sources of this package. */
export const CORE_SOURCES = path.join(REPOSITORY, "packages/core/src");

/** One import, re-export or `import()` of a source file. */
export interface ImportEdge {
  /** What stands between the quotes, such as `../base/json.ts` or `zod`. */
  readonly specifier: string;
  /** True when nothing of it is left at run time. */
  readonly isTypeOnly: boolean;
}

/** Names of the packages of the repository, by folder. */
export function packageFolders(): readonly string[] {
  return readdirSync(path.join(REPOSITORY, "packages"), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted();
}

/**
 * Every TypeScript file under a folder.
 * @param folder Absolute; one that does not exist holds no file.
 * @returns Paths relative to the folder with `/` between the parts, sorted.
 */
export function sourceFiles(folder: string): readonly string[] {
  return readdirSync(path.dirname(folder)).includes(path.basename(folder))
    ? readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((file) => /\.[cm]?tsx?$/.test(file))
        .map((file) => file.replaceAll(path.sep, "/"))
        .toSorted()
    : [];
}

/** Every import of a file, type-only ones too. */
export function importsOf(file: string): readonly ImportEdge[] {
  return readImports(readFileSync(file, "utf8"));
}

// A statement starts its line (the formatter sees to it), so an example inside a comment is not mistaken for one.
// No quote and no semicolon stands between the keyword and the specifier.
const STATEMENT = /^(?:import|export)\s+(?<type>type\s)?(?<names>[^;"']*?)\bfrom\s+["'](?<from>[^"']+)["']/gm;
const BARE_STATEMENT = /^import\s+["'](?<from>[^"']+)["']/gm;
const CALL = /\b(?<type>typeof\s+)?(?:import|require)\(\s*["'](?<from>[^"']+)["']/g;
const COMMENT_LINE = /^\s*(?:\*|\/\/|\/\*).*$/gm;

/** Every import in a source text. */
export function readImports(source: string): readonly ImportEdge[] {
  const code = source.replaceAll(COMMENT_LINE, "");
  const found = [STATEMENT, BARE_STATEMENT, CALL].flatMap((pattern) => [...code.matchAll(pattern)]);
  return found.map(({ groups }) => ({
    specifier: groups?.["from"] ?? "",
    isTypeOnly: groups?.["type"] !== undefined || hasOnlyTypeNames(groups?.["names"] ?? ""),
  }));
}

function hasOnlyTypeNames(names: string): boolean {
  const list = /^\{(?<inner>[^}]*)\}\s*$/.exec(names)?.groups?.["inner"];
  if (list === undefined) return false;
  const parts = list.split(",").filter((name) => name.trim() !== "");
  return parts.length > 0 && parts.every((name) => /^\s*type\s/.test(name));
}

/**
 * The file a relative specifier points at.
 * @param from The importing file, relative to its source folder.
 * @returns The imported file relative to the same folder; undefined for a package.
 */
export function resolveRelative(from: string, specifier: string): string | undefined {
  return specifier.startsWith(".") ? path.posix.join(path.posix.dirname(from), specifier) : undefined;
}

/** The package of a bare specifier: `@noble/hashes` of `@noble/hashes/sha2.js`. */
export function packageOf(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}
