import type { Reply } from "./provider.ts";

/** Tokens that every answer here reports. */
export const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
const USED = { input_tokens: 10, output_tokens: 5, total_tokens: 15 };

/** A call that a model proposes. */
export interface Call {
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
}

/** A chat completion. */
export function chatReply(text: string, calls: readonly Call[] = []): Reply {
  const message = {
    role: "assistant",
    content: calls.length > 0 && text === "" ? null : text,
    refusal: null,
    ...(calls.length > 0 && { tool_calls: calls.map(chatCall) }),
  };
  const choice = {
    index: 0,
    message,
    logprobs: null,
    finish_reason: calls.length > 0 ? "tool_calls" : "stop",
  };
  return {
    json: {
      id: "chat_1",
      object: "chat.completion",
      created: 1,
      model: "gpt-test",
      choices: [choice],
      usage: USAGE,
    },
  };
}

function chatCall({ id, name, input }: Call): object {
  return { id, type: "function", function: { name, arguments: JSON.stringify(input) } };
}

/** The events of a chat stream, as texts. */
export function chatEvents(
  pieces: readonly string[],
  calls: readonly Call[] = [],
  isUsageAsked = false,
): string[] {
  const base = {
    id: "chat_1",
    object: "chat.completion.chunk",
    created: 1,
    model: "gpt-test",
    system_fingerprint: "fp",
  };
  const chunk = (delta: object, finish_reason: string | null = null): string =>
    data({
      ...base,
      choices: [{ index: 0, delta, logprobs: null, finish_reason }],
      ...(isUsageAsked && { usage: null }),
    });
  return [
    chunk({ role: "assistant", content: "" }),
    ...pieces.map((content) => chunk({ content })),
    ...calls.flatMap((call, index) => {
      const text = JSON.stringify(call.input);
      const half = Math.ceil(text.length / 2);
      return [
        chunk({
          tool_calls: [
            { index, id: call.id, type: "function", function: { name: call.name, arguments: "" } },
          ],
        }),
        chunk({ tool_calls: [{ index, function: { arguments: text.slice(0, half) } }] }),
        chunk({ tool_calls: [{ index, function: { arguments: text.slice(half) } }] }),
      ];
    }),
    chunk({}, calls.length > 0 ? "tool_calls" : "stop"),
    ...(isUsageAsked ? [data({ ...base, choices: [], usage: USAGE })] : []),
    "data: [DONE]\n\n",
  ];
}

/** A response of the Responses API. */
export function responsesBody(text: string, calls: readonly Call[] = []): Record<string, unknown> {
  const output = [
    ...(text === "" ? [] : [messageItem(text)]),
    ...calls.map(({ id, name, input }, at) => ({
      id: `fc_${at}`,
      type: "function_call",
      status: "completed",
      call_id: id,
      name,
      arguments: JSON.stringify(input),
    })),
  ];
  return {
    id: "resp_1",
    object: "response",
    created_at: 1,
    status: "completed",
    model: "gpt-test",
    output,
    usage: USED,
    error: null,
    instructions: null,
    tools: [],
    parallel_tool_calls: true,
  };
}

function messageItem(text: string): object {
  return {
    id: "msg_1",
    type: "message",
    status: "completed",
    role: "assistant",
    content: [{ type: "output_text", text, annotations: [], logprobs: [] }],
  };
}

/** The events of a Responses stream: each text comes in pieces and is then said four times more. */
export function responsesEvents(pieces: readonly string[], calls: readonly Call[] = []): string[] {
  const text = pieces.join("");
  const whole = responsesBody(text, calls);
  const begun = { ...whole, status: "in_progress", output: [], usage: null };
  let sequence_number = 0;
  const event = (type: string, members: object): string =>
    `event: ${type}\n${data({ type, sequence_number: sequence_number++, ...members })}`;
  const at = { item_id: "msg_1", output_index: 0, content_index: 0 };
  const part = { type: "output_text", text, annotations: [], logprobs: [] };
  const events = [
    event("response.created", { response: begun }),
    event("response.in_progress", { response: begun }),
  ];
  if (pieces.length > 0) {
    events.push(
      event("response.output_item.added", {
        output_index: 0,
        item: { id: "msg_1", type: "message", status: "in_progress", role: "assistant", content: [] },
      }),
      event("response.content_part.added", { ...at, part: { ...part, text: "" } }),
      ...pieces.map((delta) => event("response.output_text.delta", { ...at, delta, logprobs: [] })),
      event("response.output_text.done", { ...at, text, logprobs: [] }),
      event("response.content_part.done", { ...at, part }),
      event("response.output_item.done", { output_index: 0, item: messageItem(text) }),
    );
  }
  for (const [index, { id, name, input }] of calls.entries()) {
    const json = JSON.stringify(input);
    const item = {
      id: `fc_${index}`,
      type: "function_call",
      status: "completed",
      call_id: id,
      name,
      arguments: json,
    };
    const place = { item_id: `fc_${index}`, output_index: index + 1 };
    events.push(
      event("response.output_item.added", {
        output_index: index + 1,
        item: { ...item, status: "in_progress", arguments: "" },
      }),
      event("response.function_call_arguments.delta", { ...place, delta: json.slice(0, 3) }),
      event("response.function_call_arguments.delta", { ...place, delta: json.slice(3) }),
      event("response.function_call_arguments.done", { ...place, name, arguments: json }),
      event("response.output_item.done", { output_index: index + 1, item }),
    );
  }
  return [...events, event("response.completed", { response: whole })];
}

/** One event with JSON data. */
export function data(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}
