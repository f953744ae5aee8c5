import { recordOf } from "./json.ts";

/**
 * A copy in which nothing says a text in another form, where no rule could find what was replaced in it: log
 * probabilities spell it token by token, and sound speaks it.
 */
export function withoutOtherForms(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutOtherForms);
  const record = recordOf(value);
  if (record === undefined) return value;
  const isSound = record["type"] === "response.audio.delta";
  return Object.fromEntries(
    Object.entries(record).map(([member, inner]) => {
      if (member === "logprobs") return [member, Array.isArray(inner) ? [] : null];
      if (isSound && member === "delta") return [member, ""];
      // The Agents SDK has it in a content of its own.
      if (record["type"] === "audio" && typeof inner === "string" && member === "audio") return [member, ""];
      return [member, member === "audio" ? withoutSound(inner) : withoutOtherForms(inner)];
    }),
  );
}

function withoutSound(audio: unknown): unknown {
  const record = recordOf(audio);
  if (typeof record?.["data"] !== "string") return withoutOtherForms(audio);
  return { ...record, data: "" };
}
