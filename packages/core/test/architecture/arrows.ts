import path from "node:path";

import { importsOf, resolveRelative, sourceFiles } from "./source-files.ts";

/** One import inside a package, type-only ones too. */
export interface Arrow {
  readonly from: string;
  readonly to: string;
}

/** Every import between the files of a source folder. */
export function arrowsOf(sources: string): readonly Arrow[] {
  return sourceFiles(sources).flatMap((from): readonly Arrow[] =>
    importsOf(path.join(sources, from)).flatMap(({ specifier }) => {
      const to = resolveRelative(from, specifier);
      return to === undefined ? [] : [{ from, to }];
    }),
  );
}

/** The folder of a file below src, or the file itself at the top. */
export function placeOf(file: string): string {
  return file.split("/")[0] ?? file;
}

/** The first cycle found by following imports depth first, as a chain; undefined when there is none. */
export function findCycle(edges: readonly Arrow[]): readonly string[] | undefined {
  const targets = new Map<string, string[]>();
  for (const { from, to } of edges) targets.set(from, [...(targets.get(from) ?? []), to]);
  const done = new Set<string>();
  const walk = (file: string, trail: readonly string[]): readonly string[] | undefined => {
    if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const to of targets.get(file) ?? []) {
      const cycle = walk(to, [...trail, file]);
      if (cycle !== undefined) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of targets.keys()) {
    const cycle = walk(file, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
