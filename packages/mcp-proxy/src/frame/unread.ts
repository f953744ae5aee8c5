import type { BadFrame, Frame } from "./frame.ts";
import { MessageScan, type Glimpse } from "./message-scan.ts";
import { CODES, errorFrame, type RpcId } from "./rpc.ts";

/** A message that is refused, and what can be told of it all the same: whoever waits for it must not wait for ever. */
export interface Unread {
  readonly problem: BadFrame["problem"] | "too_long" | "not_a_message";
  readonly glimpses: readonly Glimpse[];
}

/** What can be told of bytes that are refused. */
export function unread(problem: Unread["problem"], raw: Uint8Array): Unread {
  return { problem, glimpses: new MessageScan().push(raw).found };
}

/** What is wrong with it, for people. */
export function problemText({ problem }: Unread): string {
  return problem.replaceAll("_", " ");
}

/**
 * The requests that wait for what was refused: those that it names. Where it says of none which it answers, it may be any of
 * those that are open, and all of them are meant: else one would wait for ever.
 * @param open What the side that sent it was asked.
 */
export function answeredBy({ problem, glimpses }: Unread, open: Iterable<RpcId>): readonly RpcId[] {
  const waiting = new Set(open);
  const answers = glimpses.filter(({ isNamed, isAnswer, isMessage }) => isMessage && (isAnswer || !isNamed));
  const isUnnamed = answers.some(({ ids, isMessage }) => isMessage && ids.length === 0);
  // A message in order that names no request, such as an error about a line: with several open it may be about none of them.
  if (isUnnamed && (problem !== "not_a_message" || waiting.size === 1)) return [...waiting];
  return answers.flatMap(({ ids }) => ids).filter((id) => waiting.delete(id));
}

/** What those of a client's requests get instead of the server's answer. */
export function inPlaceOf(refused: Unread, open: Iterable<RpcId>): readonly Frame[] {
  const message = `the server's answer was refused: ${problemText(refused)}`;
  return answeredBy(refused, open).map((id) => errorFrame(id, { code: CODES.unavailable, message }));
}

/** What the sender gets for each request in it. */
export function refusalsOf(refused: Unread): readonly Frame[] {
  return refused.glimpses.flatMap(({ ids, isNamed }) =>
    isNamed ? ids.map((id) => refusalOf(refused.problem, id)) : [],
  );
}

/** What a side gets for what is no message, or none that it may send. */
export function refusalOf(problem: string, id: RpcId | null = null): Frame {
  const code = problem === "not_json" || problem === "not_utf8" ? CODES.parse : CODES.invalidRequest;
  return errorFrame(id, { code, message: `the message was refused: ${problem.replaceAll("_", " ")}` });
}
