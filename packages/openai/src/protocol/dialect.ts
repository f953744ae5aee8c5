import type { Usage } from "@agentplane/core";

import type { JsonRecord } from "./json.ts";
import type { MustAsk, UnaskedServer } from "./unasked-servers.ts";

/** What a request says of the model it calls. */
export interface ModelFacts {
  readonly name: string;
  /** What the model reads, as the API has it. */
  readonly messages: unknown;
  readonly maxOutputTokens?: number;
}

/** A tool as a request offers it. `name` of one that runs at the provider is its type, such as `web_search`. */
export interface OfferedTool {
  readonly name: string;
  readonly server?: string;
}

/** A call that a model's answer proposes and the application would execute. */
export interface ProposedCall {
  readonly id: string | undefined;
  readonly name: string;
  /** The remote MCP server it would run on. */
  readonly server?: string;
  /** It runs at the provider, once a later request approves it. */
  readonly isRemote?: boolean;
  /** As the model wrote it: JSON, mostly. */
  readonly input: string;
}

/** Tools that run at the provider as soon as a model calls them. */
export interface UnseenTools {
  /** The remote MCP server that they are of; undefined where that is not said. */
  readonly server: string | undefined;
  /** Their names; undefined where the request does not say them. */
  readonly names: readonly string[] | undefined;
  /** What brings them along, and what to do where it may not, as a message says it. */
  readonly source: string;
  readonly instead: string;
}

/** A "yes" of a request to a remote MCP server that asked before it runs a call. */
export interface RemoteAnswer {
  /** The id of what the server asked. */
  readonly id: string | undefined;
  /** What the request itself says that was asked under this id. */
  readonly listed: readonly ProposedCall[];
  /** The provider may know something else under this id: it keeps the conversation, or the item. */
  readonly isKeptElsewhere: boolean;
  /** The request says that the call has run already. */
  readonly isHistory: boolean;
}

/** A text inside one event of a stream. */
export interface TextPlace {
  /** Names the text that this is a piece of, the same in all its events. */
  readonly slot: string;
  readonly path: readonly (string | number)[];
  readonly text: string;
}

/** What one event of a stream says. */
export interface EventFacts {
  /** Pieces of texts that grow from event to event. */
  readonly pieces: readonly TextPlace[];
  /** Texts that are whole, each by itself. */
  readonly wholes?: readonly Pick<TextPlace, "path" | "text">[];
  /** Beginnings of the slots that end with this event; `""` ends all of them. */
  readonly ends?: readonly string[];
  readonly usage?: Usage;
  /** Members of the event whose texts are all among the pieces, or are none. */
  readonly covered?: readonly string[];
  /** Beginnings or pieces of proposed calls, by slot. */
  readonly calls?: readonly CallPiece[];
}

/** A piece of a proposed call. */
export interface CallPiece {
  readonly slot: string;
  readonly id?: string;
  readonly name?: string;
  readonly server?: string;
  readonly isRemote?: boolean;
  readonly input?: string;
  /** The input is the whole of it, not a piece. */
  readonly isWhole?: boolean;
}

/** One API in the plane's words: reads and writes its requests, answers and streams. Decides nothing. */
export interface Dialect {
  /** The provider as price tables name it; undefined where the path does not tell. */
  readonly provider?: string;
  describe(request: JsonRecord): ModelFacts;
  /** The request with other messages, of the shape that `describe` gave. */
  withMessages(request: JsonRecord, messages: unknown): JsonRecord;
  /** The request with its output limited; undefined where the API has no limit. */
  withMaxOutput?(request: JsonRecord, maxOutputTokens: number): JsonRecord;
  /** The tools that the request offers, in order. */
  tools?(request: JsonRecord): readonly OfferedTool[];
  /** The request with only those of its tools whose position is listed. */
  withTools?(request: JsonRecord, kept: ReadonlySet<number>): JsonRecord;
  /** What rules look at of an answer. */
  readAnswer(answer: JsonRecord): unknown;
  /** The answer with what rules left of it. */
  writeAnswer(answer: JsonRecord, content: unknown): JsonRecord;
  usageOf(answer: JsonRecord): Usage | undefined;
  proposedCalls?(answer: JsonRecord): readonly ProposedCall[];
  /** The calls in an answer that remote MCP servers run once a later request approves them. */
  remoteRequests?(answer: JsonRecord): readonly ProposedCall[];
  /** What a request says yes to. */
  remoteAnswers?(request: JsonRecord): readonly RemoteAnswer[];
  /** The request that says of these calls what their servers asked for; the same one where it does. */
  withRemoteRequests?(request: JsonRecord, calls: readonly ProposedCall[]): JsonRecord;
  /** What a request lets remote MCP servers run without asking. */
  unaskedServers?(request: JsonRecord): readonly UnaskedServer[];
  /** What runs at the provider with a request, unseen, and cannot be made to ask. */
  unseenServers?(request: JsonRecord): readonly UnseenTools[];
  /** The request in which servers ask for the tools that they must ask for. */
  withAsking?(request: JsonRecord, mustAsk: MustAsk): JsonRecord;
  /** Whether a request says nothing else than this API knows: else a model may run. Absent: whatever it says is known. */
  isKnown?(request: JsonRecord): boolean;
  /** Whether a request puts a "yes" where a later one would send it, unseen. */
  keepsApprovals?(request: JsonRecord): boolean;
  /** Whether an answer may be sound or a picture by itself, which no rule could read. Absent: it may not. */
  readonly answersInMedia?: boolean;
  /** Absent: the API does not stream. */
  readonly stream?: StreamDialect;
}

/** Whether a member `stream` asks for one: lenient servers, and forms, take more than `true` for it. */
export function isStreamAsked({ stream }: JsonRecord): boolean {
  return Boolean(stream) && stream !== "false";
}

/** How an API streams. */
export interface StreamDialect {
  /** Whether a request asks for a stream. */
  isAsked(request: JsonRecord): boolean;
  /** The request that also asks for the usage at the end of the stream; the same one where it does, or need not. */
  withUsage(request: JsonRecord): JsonRecord;
  /** Whether an event exists only because of `withUsage`. */
  isUsageOnly(event: JsonRecord): boolean;
  /** Every other text of the event counts as a whole one: said again, or new. */
  read(event: JsonRecord): EventFacts;
  /** Events have a name of their own, beside their data. */
  readonly isNamed: boolean;
  /** An event that carries nothing but one piece of text, made of an event that carried an earlier one. */
  rest(event: JsonRecord, place: TextPlace, text: string): JsonRecord;
}
