import { StructuredTool } from "@langchain/core/tools";

// LangChain tells a handler of a tool's start by the name of the run, which whoever calls may choose, and which code hands on
// with its configuration; and by what the tool's `toJSON` gives, made for this one start, which has no name in it. So the name
// is noted beside that, when the tool gives it.

/** By what a tool gives of itself to handlers. */
const NAMES = new WeakMap<object, string>();

/** Prototypes whose tools note their names. */
const WATCHED = new WeakSet<object>();

/** What notes names. */
const NOTING = new WeakSet<object>();

/** A tool, or the prototype of tools. */
interface Named {
  readonly name?: unknown;
  readonly call: (...args: readonly unknown[]) => unknown;
  readonly toJSON: () => unknown;
}

/**
 * From now on names are noted of all tools of a copy of LangChain. What a tool gives of itself stays as it is.
 * @param prototype That of a tool of the copy, of whatever class. Default: of the copy that is used here.
 */
export function noteToolNames(prototype: object | null = StructuredTool.prototype): void {
  if (prototype === null || WATCHED.has(prototype)) return;
  WATCHED.add(prototype);
  const base = baseOf(prototype);
  if (base === undefined || NOTING.has(base.call)) return;
  note(base, base.toJSON);
  const { call } = base;
  const watched = function (this: Named, ...args: readonly unknown[]): unknown {
    // A class, or a tool, may have brought words of its own.
    if (!NOTING.has(this.toJSON)) note(ownerOf(this, base), this.toJSON);
    return Reflect.apply(call, this, args);
  };
  NOTING.add(watched);
  put(base, "call", watched);
}

/** The class that all tools of a copy have in common, by what every way of calling one comes down to. */
function baseOf(prototype: object): Named | undefined {
  let base: object | undefined;
  for (let at: object | null = prototype; at !== null; at = Object.getPrototypeOf(at) as object | null)
    if (Object.hasOwn(at, "call") && "toJSON" in at) base = at;
  // Looked at just now, and every class of LangChain has both.
  return base as Named | undefined;
}

/** Where the words of a tool come from. */
function ownerOf(tool: object, base: object): object {
  let at: object | null = tool;
  while (at !== null && at !== base && !Object.hasOwn(at, "toJSON"))
    at = Object.getPrototypeOf(at) as object | null;
  return at ?? base;
}

function note(owner: object, toJSON: Named["toJSON"]): void {
  const noted = function (this: Named): unknown {
    const given: unknown = Reflect.apply(toJSON, this, []);
    if (typeof given !== "object" || given === null || typeof this.name !== "string") return given;
    // Tools may have one object in common.
    const told = { ...given };
    NAMES.set(told, this.name);
    return told;
  };
  NOTING.add(noted);
  put(owner, "toJSON", noted);
}

/** Where it cannot be put, as in what is frozen, the name of a tool is not known. */
function put(owner: object, name: string, value: unknown): void {
  const { enumerable = false } = Object.getOwnPropertyDescriptor(owner, name) ?? {};
  Reflect.defineProperty(owner, name, { value, enumerable, configurable: true, writable: true });
}

/** What is known of the name of a tool that starts. */
export interface StartedTool {
  /** What it gave of itself: mostly `{ id }`, but a class may give anything. */
  readonly serialized: unknown;
  readonly runName: string | undefined;
}

/** The names of a tool, for the plane. */
export interface ToolNames {
  /** What it is called is what is allowed or not. */
  readonly name: string;
  /** The name of its run can only deny. */
  readonly originalName?: string;
  /** Whether that is the tool's own name, and not what its run goes by. */
  readonly isKnown: boolean;
}

/** Names a tool as the plane knows it. */
export function namesOfTool({ serialized, runName }: StartedTool): ToolNames {
  const own = typeof serialized === "object" && serialized !== null ? NAMES.get(serialized) : undefined;
  const name = own ?? runName ?? "unknown";
  return {
    name,
    isKnown: own !== undefined,
    ...(runName !== undefined && runName !== name && { originalName: runName }),
  };
}
