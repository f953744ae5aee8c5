import type { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { CallbackManager, type CallbackManagerForToolRun } from "@langchain/core/callbacks/manager";
import type { RunnableConfig } from "@langchain/core/runnables";
import { DynamicStructuredTool, tool as madeTool, type StructuredToolInterface } from "@langchain/core/tools";

import { UnheardRun } from "./governed-callbacks.ts";
import { isToldOfAll, toldAtStart, toldOfAll } from "../call/told-of-all.ts";

/**
 * A tool as `tool()` makes it, called where nobody hears of calls, as most are: LangChain is spared the callbacks of the call
 * itself, and who is told of what runs inside is told from where the tool's own function begins. Nothing of the application
 * runs before.
 * @param inside Is told of all that is called inside.
 * @returns undefined where somebody may hear of the call, or code of the application runs beside the function.
 */
export function unheardTool(
  tool: StructuredToolInterface,
  config: RunnableConfig | undefined,
  inside: BaseCallbackHandler,
): StructuredToolInterface | undefined {
  if (config?.callbacks !== undefined || isToldOfAll() || !isPlain(tool)) return undefined;
  const run = async (...call: Started): Promise<unknown> => {
    const given: unknown = await begun(tool, inside, call);
    // LangChain runs a generator step by step, outside of the function that gave it.
    return isIterator(given) ? steps(given, inside) : given;
  };
  // It inherits everything but what runs.
  const unheard: object = { __proto__: tool, _call: run };
  return unheard as StructuredToolInterface;
}

/** What LangChain calls the function of a tool with: the input, the run that somebody hears of, the configuration. */
type Started = [input: unknown, heard: CallbackManagerForToolRun | undefined, own: RunnableConfig];

function begun(
  tool: DynamicStructuredTool,
  inside: BaseCallbackHandler,
  [input, heard, own]: Started,
): unknown {
  if (heard !== undefined) {
    // Such as the console, for a tool that is verbose.
    inheritedOf(heard).push(inside);
    return toldOfAll(inside, () => tool.func(input, heard, own));
  }
  const given = new CallbackManager();
  given.addHandler(inside);
  // For a function that hands its own configuration on, where nothing of the run is around it.
  own.callbacks ??= given;
  if (!isMadeByTool(tool.func)) return toldOfAll(inside, () => tool.func(input, new UnheardRun(given), own));
  // What it calls with that would go by the name of this run, which LangChain leaves out beside a run that is heard of.
  const named: { runName?: string | undefined } = own;
  named.runName = undefined;
  return toldAtStart(inside, () => tool.func(input, undefined, own));
}

async function* steps(given: AsyncIterator<unknown>, inside: BaseCallbackHandler): AsyncGenerator {
  try {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop -- each step follows from the one before
      const step = await toldOfAll(inside, () => given.next());
      if (step.done === true) return step.value;
      yield step.value;
    }
  } finally {
    await toldOfAll(inside, () => given.return?.());
  }
}

/** As LangChain tells one. */
function isIterator(given: unknown): given is AsyncIterator<unknown> {
  return typeof given === "object" && given !== null && "next" in given && typeof given.next === "function";
}

/** What the calls inside a run are told to. */
function inheritedOf(run: CallbackManagerForToolRun): BaseCallbackHandler[] {
  // Protected by the types alone.
  return (run as unknown as { readonly inheritableHandlers: BaseCallbackHandler[] }).inheritableHandlers;
}

/** The functions of tools, and whether LangChain's `tool()` made them of one that starts in a run of its own, at once. */
const MADE = new WeakMap<object, boolean>();

function isMadeByTool(func: object): boolean {
  let made = MADE.get(func);
  if (made === undefined) MADE.set(func, (made = sourceOf(func) === MADE_BY_TOOL));
  return made;
}

function sourceOf(func: object): string {
  return Function.prototype.toString.call(func);
}

/** Nothing else tells it: all that `tool()` makes have this one source. */
const MADE_BY_TOOL = sourceOf(
  madeTool(() => "", { name: "any", schema: { type: "object", properties: {} } }).func,
);

const { invoke, call } = DynamicStructuredTool.prototype;

/** A subclass, or a guarded tool, may call others beside its function. */
function isPlain(tool: StructuredToolInterface): tool is DynamicStructuredTool {
  if (Object.getPrototypeOf(tool) !== DynamicStructuredTool.prototype) return false;
  const own = tool as DynamicStructuredTool;
  if (own.invoke !== invoke || own.call !== call || Object.hasOwn(own, "_call")) return false;
  return own.callbacks === undefined && own.defaultConfig === undefined && isData(own.schema);
}

/** What was found out about a schema. */
const DATA = new WeakMap<object, boolean>();

/** Whether no code of the application runs when a value is checked: one may ask a model in a refinement. */
function isData(schema: object): boolean {
  let found = DATA.get(schema);
  if (found === undefined) DATA.set(schema, (found = holdsData(schema, new Set())));
  return found;
}

function holdsData(value: unknown, seen: Set<object>): boolean {
  if (typeof value !== "object" || value === null) return typeof value !== "function";
  if (seen.has(value)) return true;
  seen.add(value);
  return partsOf(value).every((part) => holdsData(part, seen));
}

/** The members of a JSON schema; of one of zod those of its definition, where a default is whatever a function gives. */
function partsOf(schema: object): readonly unknown[] {
  const { def } = "_zod" in schema ? (schema._zod as { readonly def: object }) : { def: schema };
  return "defaultValue" in def ? [() => undefined] : Object.values(def);
}
