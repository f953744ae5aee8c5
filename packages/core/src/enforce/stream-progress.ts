import type { Usage } from "../base/model-costs.ts";
import { byteTokenizer } from "../base/tokenizer.ts";
import { createTextStreamRedactor, type TextStreamRedactor } from "../context/redact-stream.ts";
import type { StreamDuties } from "../decision/decision-point.ts";
import type { LiveAdmission } from "./admission.ts";
import { readAside, usageRead } from "./execute.ts";
import type { GuardCore } from "./guard-core.ts";
import type { StreamCodec } from "./stream-codec.ts";

/** What a stream was made of: one text, or texts by part. */
export type StreamContent = Readonly<Record<string, string>> | string;

/** A stream on its way through redaction. */
export interface StreamProgress<Chunk> {
  /** Takes a chunk in; gives what may leave now. */
  take(chunk: Chunk, codec: StreamCodec<Chunk>): readonly Chunk[];
  /** Gives the rest, once the whole was judged. */
  flush(codec: StreamCodec<Chunk>, judged: StreamContent): readonly Chunk[];
  /** What was produced, by part. */
  content(): StreamContent;
  /**
   * As reported or counted; a stream that failed before its first chunk used nothing.
   * @param isCut It broke off: what came after the last report is counted too.
   */
  usage(admission: LiveAdmission, isCut: boolean): Usage | undefined;
}

/** Starts with nothing taken in. */
export function createProgress<Chunk>(core: GuardCore, duties: StreamDuties): StreamProgress<Chunk> {
  const redactors = new Map<string, TextStreamRedactor>();
  const produced = new Map<string, string>();
  const lastOf = new Map<string, Chunk>();
  const buffered: Chunk[] = [];
  let reported: Usage | undefined;
  /** What came since. */
  let unreported = "";
  let hasStarted = false;
  const { holdBack } = duties;
  const isWhole = holdBack === "whole";
  const isLookedAt = isWhole || holdBack > 0 || duties.redact.length > 0;
  const redactorOf = (part: string): TextStreamRedactor => {
    const known = redactors.get(part);
    if (known !== undefined) return known;
    const created = openText(core, duties);
    redactors.set(part, created);
    return created;
  };
  const restOf = (codec: StreamCodec<Chunk>, ended: string): readonly Chunk[] => {
    const ready: Chunk[] = [];
    for (const [part, redactor] of redactors) {
      if (ended !== "all" && ended !== part) continue;
      redactors.delete(part);
      const rest = redactor.flush();
      const last = lastOf.get(part);
      if (rest !== "" && last !== undefined) ready.push(codec.write(last, rest));
    }
    return ready;
  };
  const release = (chunk: Chunk, codec: StreamCodec<Chunk>): readonly Chunk[] => {
    const found = codec.read(chunk);
    const ended = found === undefined || found.isWhole === true ? codec.ends?.(chunk) : undefined;
    const before = ended === undefined ? [] : restOf(codec, ended);
    if (found === undefined) return [...before, chunk];
    const redactor = redactorOf(found.part);
    let text = redactor.push(found.text);
    if (found.isWhole === true) {
      text += redactor.flush();
      redactors.delete(found.part);
    } else lastOf.set(found.part, chunk);
    return [...before, text === found.text ? chunk : codec.write(chunk, text)];
  };
  return {
    take(given, codec) {
      hasStarted = true;
      const chunk = isLookedAt && codec.withoutEcho !== undefined ? codec.withoutEcho(given) : given;
      if (chunk === undefined) return [];
      const found = codec.read(chunk);
      if (found !== undefined) {
        produced.set(found.part, (produced.get(found.part) ?? "") + found.text);
        unreported += found.text;
      }
      const report = codec.usage?.(chunk);
      if (report !== undefined) [reported, unreported] = [report, ""];
      if (!isWhole) return release(chunk, codec);
      buffered.push(chunk);
      return [];
    },
    flush(codec, judged) {
      // Buffered: each part leaves in its first chunk, as it was judged; the chunks around it keep their order.
      const shown = new Set<string>();
      const ready = buffered.map((chunk) => {
        const found = codec.read(chunk);
        if (found === undefined) return chunk;
        const text = shown.has(found.part) ? "" : textOf(judged, found.part);
        shown.add(found.part);
        return text === found.text ? chunk : codec.write(chunk, text);
      });
      return [...ready, ...restOf(codec, "all")];
    },
    content() {
      const parts = [...produced];
      return parts.length === 1 && parts[0] !== undefined ? parts[0][1] : Object.fromEntries(parts);
    },
    usage({ context }, isCut) {
      const known = usageRead(core, reported);
      const model = context.model ?? { name: "" };
      // A model may say what a tokenizer refuses, such as a token of its own: the call has happened, and is charged.
      const count = (text: string): number =>
        readAside(core, text, () => core.tokenizer.countTokens(text, model)) ??
        byteTokenizer.countTokens(text, model);
      if (isCut && unreported !== "" && known?.outputTokens !== undefined) {
        // The cost that it names was that of the beginning, too.
        const { costMicroUsd: _early, ...usage } = known;
        return { ...usage, outputTokens: known.outputTokens + count(unreported) };
      }
      if (known !== undefined || !hasStarted) return known;
      return {
        inputTokens: count(JSON.stringify(context.model?.messages ?? "")),
        outputTokens: [...produced.values()].reduce((sum, text) => sum + count(text), 0),
      };
    },
  };
}

/** Redacts one text of an answer as it comes. */
export function openText(
  { scanner, ports }: GuardCore,
  { redact, holdBack }: StreamDuties,
): TextStreamRedactor {
  const deps = { scanner, hash: ports.hash, channel: "model_output" } as const;
  // A buffered stream is judged before anything leaves, so each part is then redacted as a whole.
  return createTextStreamRedactor(redact, holdBack === "whole" ? Number.MAX_SAFE_INTEGER : holdBack, deps);
}

function textOf(judged: StreamContent, part: string): string {
  return typeof judged === "string" ? judged : (judged[part] ?? "");
}
