import type { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import { CallbackManager, CallbackManagerForToolRun } from "@langchain/core/callbacks/manager";

import { METERS } from "./observed-handler.ts";
import { isToolCall } from "../content/tool-call-input.ts";

/** The tool that runs, by what LangChain may name its run. */
export interface OwnTool {
  readonly name: string;
  readonly defaultConfig?: { readonly runName?: string } | undefined;
  /** Names its class. */
  readonly lc_id?: readonly string[] | undefined;
}

/** What tells the start of a governed call from those of calls that its code makes. */
export interface OwnCall {
  readonly tool: OwnTool;
  /** The model's id of the call. */
  readonly id: string | undefined;
  /** The arguments that were decided. */
  readonly input: unknown;
  /** How the caller names its run. The tool is called without: what it calls with its own configuration would go by it. */
  readonly runName: string | undefined;
  /** The run that was made of it, once handlers have been told that it starts. */
  runId?: string;
}

/** What the managers have in common that LangChain makes of the callbacks of one call. */
interface Started {
  readonly call: OwnCall;
  /** Those that the call was given. */
  readonly given: GovernedCallbacks;
  hasStarted: boolean;
}

type Manager = CallbackManager;
type Starting<
  Event extends "handleToolStart" | "handleChainStart" | "handleChatModelStart" | "handleLLMStart",
> = Parameters<Manager[Event]>;

/**
 * Callbacks of a call that is governed already: who governs what nobody else does is told of what the call makes, and not of
 * the call itself. Code of a tool may hand its own configuration on, with these very callbacks, so that what is told of is
 * known by its start: the call's own is the first one of its name.
 */
export class GovernedCallbacks extends CallbackManager {
  readonly #started: Started;

  /**
   * @param source Who is told of the call, but for those that govern what nobody else does.
   * @param inside One more of these.
   */
  constructor(
    source: Manager | undefined,
    inside: readonly BaseCallbackHandler[],
    started: OwnCall | Started,
  ) {
    super(source?.getParentRunId(), source);
    const { handlers } = this;
    this.handlers = handlers.filter((one) => !(METERS in one));
    this.inheritableHandlers = [...this.inheritableHandlers];
    for (const handler of [...handlers, ...inside]) if (METERS in handler) this.#inherit(handler);
    this.#started = "given" in started ? started : { call: started, given: this, hasStarted: false };
  }

  /** LangChain copies a manager before it is used, and would leave out who only inherits. */
  override copy(...added: Parameters<Manager["copy"]>): Manager {
    const [handlers = []] = added;
    // Itself copies tag by tag and member by member.
    const copied = handlers.length === 0 ? copyOf(this) : super.copy(...added);
    return this.#started.hasStarted ? copied : new GovernedCallbacks(copied, insideOf(this), this.#started);
  }

  /** LangChain adds who is told of all to every call. */
  override addHandler(handler: BaseCallbackHandler, inherit?: boolean): void {
    if (!(METERS in handler) || this.#started.hasStarted) super.addHandler(handler, inherit);
    else if (!this.inheritableHandlers.some((one) => metersOf(one) === metersOf(handler)))
      this.#inherit(handler);
  }

  override handleToolStart(...start: Starting<"handleToolStart">): Promise<CallbackManagerForToolRun> {
    const { tool, id, input, runName } = this.#started.call;
    const [serialized, given, runId, , , , name, callId] = start;
    const isNamed =
      name === undefined
        ? String(serialized.id) === String(tool.lc_id)
        : name === tool.name || name === tool.defaultConfig?.runName;
    // A class that works before it starts may call another tool of its name, which has no id then, and arguments of its own.
    const isSame = callId === id || (callId === undefined && jsonOf(given) === jsonOf(input));
    if (this.#isOwn(isNamed && isSame)) {
      if (this.handlers.length === 0) return Promise.resolve(new UnheardRun(this.#asChild(), runId));
      start[6] = runName ?? name;
      return this.#noted(super.handleToolStart(...start));
    }
    return super.handleToolStart(...start);
  }

  /** A runnable that was made a tool starts as a chain that is given a tool call. */
  override handleChainStart(...start: Starting<"handleChainStart">): ReturnType<Manager["handleChainStart"]> {
    const { tool, id, runName } = this.#started.call;
    const [, inputs] = start;
    if (this.#isOwn(isToolCall(inputs) && inputs.name === tool.name && inputs.id === id))
      start[6] = runName ?? start[6];
    return super.handleChainStart(...start);
  }

  override handleChatModelStart(
    ...start: Starting<"handleChatModelStart">
  ): ReturnType<Manager["handleChatModelStart"]> {
    this.#isOwn(false);
    return super.handleChatModelStart(...start);
  }

  override handleLLMStart(...start: Starting<"handleLLMStart">): ReturnType<Manager["handleLLMStart"]> {
    this.#isOwn(false);
    return super.handleLLMStart(...start);
  }

  async #noted(starting: Promise<CallbackManagerForToolRun>): Promise<CallbackManagerForToolRun> {
    const run = await starting;
    this.#started.call.runId = run.runId;
    return run;
  }

  #inherit(handler: BaseCallbackHandler): void {
    if (!this.inheritableHandlers.includes(handler)) this.inheritableHandlers.push(handler);
  }

  /** What the call was given, for what it calls where nobody hears of it. */
  #asChild(): Manager {
    const { given } = this.#started;
    given.inheritableHandlers = [...this.inheritableHandlers];
    given.handlers = [...this.inheritableHandlers];
    given.tags = given.inheritableTags = this.inheritableTags;
    given.metadata = given.inheritableMetadata = this.inheritableMetadata;
    return given;
  }

  /** Takes note of a start, and whether it is the call's own. Of any other, all are told. */
  #isOwn(isLikeIt: boolean): boolean {
    const { hasStarted, given } = this.#started;
    const isOwn = isLikeIt && !hasStarted;
    if (isOwn) this.#started.hasStarted = true;
    // What is called inside may be given these callbacks themselves.
    const inner = isOwn ? given : this;
    inner.handlers.push(...insideOf(inner));
    return isOwn;
  }
}

const NOBODY_TOLD = Promise.resolve();

/** The run of a tool that nobody hears of: what it calls is given the callbacks of the call. */
export class UnheardRun extends CallbackManagerForToolRun {
  readonly #given: Manager;

  constructor(given: Manager, runId: string = crypto.randomUUID()) {
    super(runId, [], given.inheritableHandlers, [], given.inheritableTags, {}, given.inheritableMetadata);
    this.#given = given;
  }

  override getChild(tag?: string): Manager {
    return tag === undefined ? this.#given : super.getChild(tag);
  }

  override handleToolEnd(): Promise<void> {
    return NOBODY_TOLD;
  }
}

function copyOf(manager: Manager): Manager {
  const copy = new CallbackManager(manager.getParentRunId(), manager);
  copy.handlers = [...manager.handlers];
  copy.inheritableHandlers = [...manager.inheritableHandlers];
  return copy;
}

/** LangChain tells of arguments as they are, or as JSON. */
function jsonOf(input: unknown): string | undefined {
  return typeof input === "string" ? input : JSON.stringify(input);
}

/** Handlers that are told of what happens inside alone. */
function insideOf({ handlers, inheritableHandlers }: Manager): BaseCallbackHandler[] {
  return inheritableHandlers.filter((handler) => !handlers.includes(handler));
}

function metersOf(handler: object): unknown {
  return METERS in handler ? handler[METERS] : undefined;
}
