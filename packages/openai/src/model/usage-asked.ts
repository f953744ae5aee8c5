import type { StreamDialect } from "../protocol/dialect.ts";
import type { JsonRecord } from "../protocol/json.ts";

/** Compatible servers that take no question for the usage of a stream, such as Mistral's, by address. */
const STRICT = new Set<string>();
/** Of more than so many the oldest is learned again. */
const MAX_STRICT = 1_000;

/** The request of a stream, with the question for its usage where the server takes one. */
export function askingForUsage(stream: StreamDialect, request: JsonRecord, url: URL): JsonRecord {
  return STRICT.has(addressOf(url)) ? request : stream.withUsage(request);
}

/**
 * Sends a stream's request once more without the question for its usage, where that is what the server refuses.
 * @param response What it said to the question.
 * @param bare Sends the request without.
 * @returns What the client is to get.
 */
export async function orWithoutUsage(
  response: Response,
  url: URL,
  bare: () => Promise<Response>,
): Promise<Response> {
  if (response.status !== 400 && response.status !== 422) return response;
  const said = await response.clone().text();
  if (!said.includes("stream_options")) return response;
  const again = await bare();
  if (!again.ok) return again;
  const [oldest] = STRICT;
  if (STRICT.size >= MAX_STRICT && oldest !== undefined) STRICT.delete(oldest);
  STRICT.add(addressOf(url));
  return again;
}

function addressOf({ origin, pathname }: URL): string {
  return origin + pathname;
}
