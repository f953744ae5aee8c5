import { containerFrom, endOfQuoted } from "./json-check.ts";
import { editJsonText, type JsonTextEdit } from "./json-text.ts";

/** Where JSON may begin: an object, a list, or a quoted text in which JSON is written once more. */
const START = /[{[]|"(?=[ \t]*(?:[{[]|\\"))/g;

/**
 * Changes the JSON that stands somewhere in a text, whatever words are around it: objects, lists that are a line or have
 * one in them, and both where they are written as a quoted text. Everything else stays letter for letter.
 *
 * Linear, whatever the text. Of a reading that breaks off, every bracket that is open there would break off too, and is not
 * read again. A reading that begins inside a text of another takes for structure what that one takes for text, and the
 * other way round: no third one can run through the same place.
 */
export function editJsonPieces(text: string, edit: JsonTextEdit): string {
  // Made when something breaks off.
  let dead: Uint8Array | undefined;
  let result = "";
  let copied = 0;
  for (let from = 0; ;) {
    // Set anew each time: what is inside a piece is looked through meanwhile.
    START.lastIndex = from;
    const start = START.exec(text)?.index;
    if (start === undefined) return result + text.slice(copied);
    from = start + 1;
    if (dead?.[start] === 1) continue;
    const { end, open } = readFrom(text, start);
    if (end === undefined) {
      dead ??= new Uint8Array(text.length);
      for (const bracket of open) dead[bracket] = 1;
      continue;
    }
    const piece = text.slice(start, end);
    const edited = editPiece(piece, edit, () => isWholeLine(text, start, end));
    // What only looks like a quoted text may be the end of one, and have JSON behind it.
    if (edited !== piece || text[start] !== '"') from = end;
    if (edited === piece) continue;
    result += text.slice(copied, start) + edited;
    copied = end;
  }
}

function readFrom(text: string, start: number): ReturnType<typeof containerFrom> {
  if (text[start] !== '"') return containerFrom({ text, end: text.length, at: start });
  // An escaped quote begins no text, and without that each text ends before the next one begins.
  const end = text[start - 1] === "\\" ? undefined : endOfQuoted(text, start);
  return { ...(end !== undefined && { end }), open: [] };
}

function editPiece(piece: string, edit: JsonTextEdit, isLine: () => boolean): string {
  if (piece.startsWith('"')) {
    const said = JSON.parse(piece) as string;
    const shown = edit.text(said);
    return shown === said ? piece : JSON.stringify(shown);
  }
  // Such as a footnote: there is no member in it.
  if (piece.startsWith("[") && !piece.includes("{") && !isLine()) return piece;
  return editJsonText(piece, edit) ?? piece;
}

/** Looks at the white space around alone: there may be very many in one line. */
function isWholeLine(text: string, start: number, end: number): boolean {
  let [before, after] = [start - 1, end];
  while (isBlank(text[before])) before--;
  while (isBlank(text[after])) after++;
  return isBreak(text[before]) && isBreak(text[after]);
}

function isBlank(char: string | undefined): boolean {
  return char === " " || char === "\t" || char === "\r" || char === "\u00a0" || char === "\ufeff";
}

function isBreak(char: string | undefined): boolean {
  return char === undefined || char === "\n";
}
