import {
  AbstractChat,
  DefaultChatTransport,
  isToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  type ChatState,
  type ChatStatus,
  type UIMessage,
} from "ai";

/** The browser's side: what `useChat` keeps, without React. */
export class BrowserChat extends AbstractChat<UIMessage> {
  constructor(fetch: typeof globalThis.fetch) {
    super({
      id: "chat-1",
      state: new PlainState(),
      transport: new DefaultChatTransport({ api: "http://localhost/api/chat", fetch }),
      sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
    });
  }

  /** The question that waits for an answer, as a page would show it. */
  get question(): { readonly id: string; readonly reason: string } | undefined {
    const part = this.messages.at(-1)?.parts.find((one) => isToolUIPart(one));
    if (part?.state !== "approval-requested") return undefined;
    return { id: part.approval.id, reason: part.approval.requestReason ?? "" };
  }

  /** What the assistant has said last. */
  get said(): string {
    const parts = this.messages.at(-1)?.parts ?? [];
    return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  }

  /** Settles when the assistant has answered. */
  async answered(): Promise<void> {
    // oxlint-disable-next-line no-await-in-loop -- each turn lets the stream go on
    while (this.status === "submitted" || this.status === "streaming") await new Promise(setImmediate);
    if (this.error !== undefined) throw this.error;
  }
}

class PlainState implements ChatState<UIMessage> {
  status: ChatStatus = "ready";
  error: Error | undefined = undefined;
  messages: UIMessage[] = [];
  pushMessage = (message: UIMessage): void => void this.messages.push(message);
  popMessage = (): void => void this.messages.pop();
  replaceMessage = (index: number, message: UIMessage): void => void this.messages.splice(index, 1, message);
  snapshot = <T>(thing: T): T => structuredClone(thing);
}
