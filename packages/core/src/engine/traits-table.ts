import type { ToolCall } from "../context/context.ts";
import { compileGlob, isGlob, type GlobTest } from "../base/glob.ts";
import type { ToolTraits } from "../policy/traits.ts";

/** Answers what an operator declared about a tool. */
export interface TraitsTable {
  /** The strictest join of every declaration that concerns the tool; undefined for an undeclared tool. */
  traitsOf(tool: ToolCall | undefined): ToolTraits | undefined;
}

const ACCESS_RANK = { read: 0, write: 1, exec: 2 } as const;

/**
 * Builds the look-up of declared traits; names may be globs.
 * @param declarations The `tools` of every source; where several concern one tool the strictest wins.
 */
export function createTraitsTable(
  declarations: readonly Readonly<Record<string, ToolTraits>>[],
): TraitsTable {
  const literals = new Map<string, ToolTraits>();
  const globs: { readonly pattern: string; readonly test: GlobTest; readonly traits: ToolTraits }[] = [];
  for (const [name, traits] of declarations.flatMap((tools) => Object.entries(tools))) {
    const normal = name.normalize("NFC");
    if (isGlob(normal)) globs.push({ pattern: normal, test: compileGlob(normal), traits });
    else literals.set(normal, join(literals.get(normal), traits));
  }
  const declaredFor = (name: string): ToolTraits | undefined => {
    const exact = literals.get(name);
    if (exact !== undefined) return exact;
    let joined: ToolTraits | undefined;
    for (const { test, traits } of globs) if (test(name)) joined = join(joined, traits);
    return joined;
  };
  return {
    traitsOf(tool) {
      if (tool === undefined || (literals.size === 0 && globs.length === 0)) return undefined;
      return joinNames(tool, declaredFor);
    },
  };
}

/**
 * Every name counts for what restricts; only the name the model sees and the qualified original may make a tool safe,
 * so that a renamed tool cannot borrow another's `safe`.
 */
function joinNames(
  tool: ToolCall,
  declaredFor: (name: string) => ToolTraits | undefined,
): ToolTraits | undefined {
  const byName = declaredFor(tool.name);
  if (tool.server === undefined && tool.originalName === undefined) return byName;
  const original = tool.originalName ?? tool.name;
  const byQualified = tool.server === undefined ? undefined : declaredFor(`${tool.server}/${original}`);
  const byOriginal = original === tool.name ? undefined : declaredFor(original);
  const trusted =
    byName !== undefined && byQualified !== undefined ? join(byName, byQualified) : (byName ?? byQualified);
  if (byOriginal === undefined) return trusted;
  // A declaration under the bare original name alone never loosens: it may only tighten.
  const joined = join(trusted ?? {}, byOriginal);
  return { ...joined, safe: trusted?.safe === true && byOriginal.safe !== false };
}

function join(a: ToolTraits | undefined, b: ToolTraits): ToolTraits {
  if (a === undefined) return b;
  const accesses = [a.access, b.access];
  const access = accesses.includes(undefined)
    ? undefined
    : (accesses as ("read" | "write" | "exec")[]).toSorted((x, y) => ACCESS_RANK[y] - ACCESS_RANK[x])[0];
  const api = a.api ?? b.api;
  return {
    ...(access !== undefined && { access }),
    external: a.external !== false || b.external !== false,
    safe: a.safe === true && b.safe === true,
    ...(api !== undefined && { api }),
  };
}
