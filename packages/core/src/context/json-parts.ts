import { editJsonPieces } from "./json-pieces.ts";
import { editJsonText, type JsonTextEdit } from "./json-text.ts";

/** The start or end of a fenced block of Markdown, with the language that may follow. */
const FENCE = /^[^\S\n]*(?:`{3,}|~{3,})[\w.+-]*/;

/** A piece of a text, from `start` to before `end`. */
interface Piece {
  readonly start: number;
  readonly end: number;
}

/**
 * Changes the JSON in a text in place: the whole of it, the content of each fenced block, and what stands in it among
 * words or line by line, as in NDJSON. Everything else stays letter for letter. Linear.
 * @param text Any text; one without JSON in it comes back as it is.
 */
export function editJsonParts(text: string, edit: JsonTextEdit): string {
  if (!text.includes("{") && !text.includes("[")) return text;
  const lines = linesOf(text);
  let result = "";
  let block: Piece[] = [];
  const endBlock = (): void => {
    result += editBlock(text, block, edit);
    block = [];
  };
  for (const line of lines) {
    const { before, content, after } = splitFences(text, line);
    // Every fence ends one block and starts another, so that a stray one hides nothing.
    if (before > line.start) endBlock();
    result += text.slice(line.start, before);
    block.push(content);
    if (after < line.end) {
      endBlock();
      result += text.slice(after, line.end);
    }
  }
  endBlock();
  return result;
}

function linesOf(text: string): readonly Piece[] {
  const lines: Piece[] = [];
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline + 1;
    lines.push({ start, end });
    start = end;
  }
  return lines;
}

/** Where a fence at the start of a line ends, and where one at its end starts; JSON itself has no such lines. */
function splitFences(text: string, { start, end }: Piece): { before: number; content: Piece; after: number } {
  const line = text.slice(start, end);
  const before = start + (FENCE.exec(line)?.[0].length ?? 0);
  const rest = text.slice(before, end).trimEnd();
  const isClosed = rest.endsWith("```") || rest.endsWith("~~~");
  const after = isClosed ? before + lengthWithoutFence(rest) : end;
  return { before, content: { start: before, end: after }, after };
}

function lengthWithoutFence(text: string): number {
  let length = text.length;
  while (length > 0 && (text[length - 1] === "`" || text[length - 1] === "~")) length--;
  return length;
}

/** A block is JSON as a whole, or has some in it. */
function editBlock(text: string, lines: readonly Piece[], edit: JsonTextEdit): string {
  const start = lines[0]?.start ?? 0;
  const end = lines.at(-1)?.end ?? start;
  const whole = text.slice(start, end);
  return editJsonText(whole, edit) ?? editJsonPieces(whole, edit);
}
