/**
 * Node.js, as clients and the proxy start it here. They give what they start few variables, and without its cache most of
 * a start is compiling the same files again.
 */
export const NODE: readonly [program: string, ...args: readonly string[]] =
  process.env["NODE_COMPILE_CACHE"] === undefined
    ? [process.execPath]
    : ["env", `NODE_COMPILE_CACHE=${process.env["NODE_COMPILE_CACHE"]}`, process.execPath];
