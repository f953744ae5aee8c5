/** Every published subpath of this package with its entry file below `src`. */
export const ENTRIES = [
  { subpath: ".", file: "index.ts" },
  { subpath: "./node", file: "node/index.ts" },
  { subpath: "./store", file: "store/index.ts" },
  { subpath: "./cel", file: "cel/index.ts" },
  { subpath: "./testing", file: "testing/index.ts" },
] as const;

/** A published subpath of this package. */
export type Subpath = (typeof ENTRIES)[number]["subpath"];
