import { StructuredTool } from "@langchain/core/tools";

// LangChain tells a handler of a tool's start by the name of the run, which whoever calls may choose, and which code hands on
// with its configuration; and by what the tool's `toJSON` gives, made for this one start, which has no name in it. So the
// name is noted beside that, when the tool gives it.

/** By what a tool gives of itself to handlers. */
const NAMES = new WeakMap<object, string>();

let isNoting = false;

/** From now on names of tools are noted. What a tool gives of itself stays as it is. */
export function noteToolNames(): void {
  if (isNoting) return;
  isNoting = true;
  const { prototype } = StructuredTool;
  // Where it is looked up for each tool; a class of its own may bring other words, and mostly builds on these.
  const inherited = Object.getOwnPropertyDescriptor(prototype, "toJSON");
  const above = Object.getPrototypeOf(prototype) as { toJSON(): object };
  Object.defineProperty(prototype, "toJSON", {
    configurable: true,
    writable: true,
    value(this: StructuredTool): object {
      const toJSON = (inherited?.value as typeof above.toJSON | undefined) ?? above.toJSON;
      const told = toJSON.call(this);
      NAMES.set(told, this.name);
      return told;
    },
  });
}

/** What is known of the name of a tool that starts. */
export interface StartedTool {
  /** What it gave of itself. */
  readonly serialized: { readonly id: readonly string[] };
  readonly runName: string | undefined;
}

/**
 * Names a tool as the plane knows it: what it is called is what is allowed or not; the name of its run can only deny.
 */
export function namesOfTool({ serialized, runName }: StartedTool): {
  readonly name: string;
  readonly originalName?: string;
} {
  const name = NAMES.get(serialized) ?? runName ?? serialized.id.at(-1) ?? "unknown";
  return { name, ...(runName !== undefined && runName !== name && { originalName: runName }) };
}
