import fs from "node:fs";
import path from "node:path";

const FOLDER = path.join(import.meta.dirname, "../../files");

/** The names of the shop's text files. */
export function fileNames(): readonly string[] {
  return fs.readdirSync(FOLDER).toSorted();
}

/**
 * The text of one of the shop's files.
 * @param name A name as `fileNames` lists it; nothing outside the folder can be named.
 * @throws Error when there is no such file.
 */
export function readShopFile(name: string): string {
  if (!fileNames().includes(name))
    throw new Error(`there is no file "${name}"; there are ${fileNames().join(", ")}`);
  return fs.readFileSync(path.join(FOLDER, name), "utf8");
}

/** The lines that contain a text, whatever its case, as `file:line: text`. */
export function searchFiles(text: string): readonly string[] {
  const wanted = text.toLowerCase();
  return fileNames().flatMap((name) =>
    readShopFile(name)
      .split("\n")
      .flatMap((line, at) =>
        line.toLowerCase().includes(wanted) ? [`${name}:${at + 1}: ${line.trim()}`] : [],
      ),
  );
}
