import { readFileSync } from "node:fs";

const LIST = /^export\s+(?<type>type\s+)?\{(?<names>[^}]*)\}\s*from\s+"[^"]+";/gm;
const COMMENT = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;

/**
 * Every name that an entry file hands out, sorted; a type, which no run can see, reads `type Name`.
 * @param file An `index.ts` made of nothing but `export { … } from "…"` lists, as house style asks.
 * @throws Error when the file holds any other statement: its names could not be read.
 */
export function readEntryExports(file: string): readonly string[] {
  return parseEntryExports(readFileSync(file, "utf8"), file);
}

/** As {@link readEntryExports}, from the text of the file; `file` only names it in errors. */
export function parseEntryExports(source: string, file: string): readonly string[] {
  const code = source.replaceAll(COMMENT, "");
  const rest = code.replaceAll(LIST, "").trim();
  if (rest !== "")
    throw new Error(`${file}: only \`export { … } from\` lists may stand here, found: ${rest}`);
  return [...code.matchAll(LIST)]
    .flatMap(({ groups }) => readNames(groups?.["names"] ?? "", groups?.["type"] !== undefined))
    .toSorted();
}

function readNames(list: string, isTypeList: boolean): readonly string[] {
  return list
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => {
      const name = part.replace(/^type\s+/, "").replace(/^\w+\s+as\s+/, "");
      return isTypeList || part.startsWith("type ") ? `type ${name}` : name;
    });
}
