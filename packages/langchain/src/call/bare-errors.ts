import type { AgentMiddleware } from "langchain";

type WrapModelCall = NonNullable<AgentMiddleware["wrapModelCall"]>;

/**
 * The same wrapper, whose errors createAgent passes on as they are. It puts all that such a wrapper throws into a
 * `MiddlewareError`, also a provider's own error: no `retryOn` of the middleware beside ours, and no caller that asks for
 * `instanceof RateLimitError`, would know it any more.
 */
export function withBareErrors(wrap: WrapModelCall): WrapModelCall {
  return async (request, handler) => {
    try {
      return await wrap(request, handler);
    } catch (error) {
      throw new BareError(error);
    }
  };
}

/**
 * What createAgent catches of us. It leaves alone what LangGraph steers by, and asks for that first: the answer is the error
 * itself, thrown out of where it would have been wrapped. Where nobody asks, this is an error of the same words.
 */
class BareError extends Error {
  readonly #thrown: unknown;

  constructor(thrown: unknown) {
    super(thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
    if (thrown instanceof Error) this.name = thrown.name;
    this.#thrown = thrown;
  }

  /** The name is LangGraph's. */
  get is_bubble_up(): never {
    throw this.#thrown;
  }
}
