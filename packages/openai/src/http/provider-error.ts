import type { NativeRequest } from "./native-request.ts";

/**
 * An answer of the provider that is an error: the call failed, and what it says is judged like any error's text.
 */
export class ProviderError extends Error {
  override readonly name = "ProviderError";

  /**
   * Reads what the provider said.
   * @param request It is told of the answer.
   */
  static async from(response: Response, request: Pick<NativeRequest, "onRefused">): Promise<ProviderError> {
    request.onRefused?.(response);
    return new ProviderError(await response.text());
  }
}

const BODY_HEADERS = ["content-length", "content-encoding", "transfer-encoding"] as const;

/** An answer with another body; its status and headers are kept, but for those that spoke of the old body. */
export function answerWith(response: Response, body: string | ReadableStream<Uint8Array>): Response {
  const { status, url } = response;
  // These may have no body at all, not even an empty one.
  const isBare = status === 204 || status === 205 || status === 304;
  // The response itself says the status and the headers: to copy headers is the dearest part of making one.
  const answer = new Response(isBare ? null : body, response);
  // `fetch` has decoded the body; its length is another, too.
  for (const name of BODY_HEADERS) answer.headers.delete(name);
  Object.defineProperty(answer, "url", { value: url });
  return answer;
}
