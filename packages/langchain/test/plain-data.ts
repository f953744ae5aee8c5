import { BaseMessage } from "@langchain/core/messages";

/** With dashes, and as LangGraph names interrupts. */
const DRAWN = /[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}/g;
/** When something happened, and as which event of its stream. */
const MOMENT = /"(timestamp|seq)":(?:"[^"]*"|\d+)/g;

/** LangChain words errors with their stack: where a call came from differs, and says nothing of its behaviour. */
const STACK = /\\n\s+at (?:(?!\\n|").)*/g;

/**
 * Data without what differs from run to run, and without who listens, which LangGraph shows in configurations. LangGraph draws an id for a message after its step, and events may show it
 * before: which of them do is a race.
 */
export function plain(value: unknown): unknown {
  const text = JSON.stringify(value, (key, member: unknown) =>
    key === "callbacks"
      ? undefined
      : BaseMessage.isInstance(member)
        ? { ...member.toDict(), data: { ...member.toDict().data, lc_kwargs: undefined } }
        : member instanceof Error
          ? [member.name, member.message]
          : member,
  );
  return text === undefined
    ? undefined
    : (JSON.parse(
        text
          .replaceAll(DRAWN, "id")
          .replaceAll(/,"id":"id"(?=[,}])/g, "")
          .replaceAll(STACK, "")
          .replaceAll(MOMENT, '"$1":0'),
      ) as unknown);
}
