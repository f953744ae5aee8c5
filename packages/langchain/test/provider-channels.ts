import { completionEvents, messageEvents, responseEvents, type ServerEvent } from "./provider-server.ts";

/** What of a model's answer carries text: its words, its thoughts, or the arguments of a call. */
export type Channel = "text" | "reasoning" | "arguments";

/** How one provider streams a text, in these pieces, on each channel it has. */
export type ChannelEvents = Partial<Record<Channel, (pieces: readonly string[]) => readonly ServerEvent[]>>;

const named = (events: readonly { readonly type: string }[]): readonly ServerEvent[] =>
  events.map((data, sequence_number) => ({ name: data.type, data: { ...data, sequence_number } }));

/** The text stands in a member of the arguments; its pieces are cut out of their JSON. */
function argumentPieces(pieces: readonly string[]): readonly string[] {
  return ['{"to":"', ...pieces, '"}'];
}

function completionArguments(pieces: readonly string[]): readonly ServerEvent[] {
  const base = { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "gpt-test" };
  const first = {
    index: 0,
    id: "call_1",
    type: "function",
    function: { name: "note", arguments: "" },
  };
  const deltas = [
    { role: "assistant", content: null, tool_calls: [first] },
    ...argumentPieces(pieces).map((text) => ({ tool_calls: [{ index: 0, function: { arguments: text } }] })),
  ];
  return [
    ...deltas.map((delta) => ({ ...base, choices: [{ index: 0, delta }] })),
    { ...base, choices: [{ index: 0, delta: {}, finish_reason: "tool_calls" }] },
    { ...base, choices: [], usage: { prompt_tokens: 20, completion_tokens: 9, total_tokens: 29 } },
    "[DONE]",
  ].map((data) => ({ data }));
}

const RESPONSE = { id: "resp_1", object: "response", created_at: 1, model: "gpt-test", output: [] };
const RESPONSE_USAGE = {
  input_tokens: 20,
  output_tokens: 9,
  total_tokens: 29,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens_details: { reasoning_tokens: 4 },
};

function responseOf(
  item: object,
  between: readonly { readonly type: string }[],
  begun: object,
): readonly ServerEvent[] {
  return named([
    { type: "response.created", response: { ...RESPONSE, status: "in_progress" } },
    { type: "response.output_item.added", output_index: 0, item: begun },
    ...between,
    { type: "response.output_item.done", output_index: 0, item },
    {
      type: "response.completed",
      response: { ...RESPONSE, status: "completed", output: [item], usage: RESPONSE_USAGE },
    },
  ] as readonly { readonly type: string }[]);
}

function responseArguments(pieces: readonly string[]): readonly ServerEvent[] {
  const text = argumentPieces(pieces).join("");
  const item = { id: "fc_1", type: "function_call", call_id: "call_1", name: "note", status: "completed" };
  const at = { output_index: 0, item_id: "fc_1" };
  const between = [
    ...argumentPieces(pieces).map((delta) => ({
      type: "response.function_call_arguments.delta",
      ...at,
      delta,
    })),
    { type: "response.function_call_arguments.done", ...at, arguments: text },
  ];
  return responseOf({ ...item, arguments: text }, between, { ...item, status: "in_progress", arguments: "" });
}

function responseReasoning(pieces: readonly string[]): readonly ServerEvent[] {
  const text = pieces.join("");
  const part = { type: "summary_text", text };
  const item = { id: "rs_1", type: "reasoning", summary: [part] };
  const at = { output_index: 0, summary_index: 0, item_id: "rs_1" };
  const between = [
    { type: "response.reasoning_summary_part.added", ...at, part: { ...part, text: "" } },
    ...pieces.map((delta) => ({ type: "response.reasoning_summary_text.delta", ...at, delta })),
    { type: "response.reasoning_summary_text.done", ...at, text },
    { type: "response.reasoning_summary_part.done", ...at, part },
  ];
  return responseOf(item, between, { ...item, summary: [] });
}

function messageOf(block: object, deltas: readonly object[], stop: string): readonly ServerEvent[] {
  const message = { id: "msg_1", type: "message", role: "assistant", model: "claude-test", content: [] };
  return named([
    {
      type: "message_start",
      message: { ...message, stop_reason: null, usage: { input_tokens: 20, output_tokens: 0 } },
    },
    { type: "content_block_start", index: 0, content_block: block },
    ...deltas.map((delta) => ({ type: "content_block_delta", index: 0, delta })),
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: stop }, usage: { output_tokens: 9 } },
    { type: "message_stop" },
  ] as readonly { readonly type: string }[]);
}

/** What each provider streams, under the name of its model. */
export const CHANNELS: Readonly<Record<string, ChannelEvents>> = {
  "ChatOpenAI with chat completions": {
    text: (pieces) => completionEvents(...pieces),
    arguments: completionArguments,
  },
  "ChatOpenAI with responses": {
    text: (pieces) => responseEvents(...pieces),
    reasoning: responseReasoning,
    arguments: responseArguments,
  },
  ChatAnthropic: {
    text: (pieces) => messageEvents(...pieces),
    reasoning: (pieces) =>
      messageOf(
        { type: "thinking", thinking: "", signature: "" },
        [
          ...pieces.map((thinking) => ({ type: "thinking_delta", thinking })),
          { type: "signature_delta", signature: "c2lnbmVk" },
        ],
        "end_turn",
      ),
    arguments: (pieces) =>
      messageOf(
        { type: "tool_use", id: "call_1", name: "note", input: {} },
        argumentPieces(pieces).map((partial_json) => ({ type: "input_json_delta", partial_json })),
        "tool_use",
      ),
  },
};
