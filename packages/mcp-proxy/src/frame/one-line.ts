import type { Frame } from "./frame.ts";

const [LF, CR, SPACE] = [10, 13, 32];
const BREAK = /[\n\r]/g;

/**
 * A message without the line breaks that it came with. Between two tokens JSON has them where it likes, and in a text none:
 * each is a space as well. A reader to whom one ends a message would take what follows for another, which nobody has decided.
 */
export function bytesInOneLine(bytes: Uint8Array): Uint8Array {
  if (!bytes.includes(LF) && !bytes.includes(CR)) return bytes;
  return bytes.map((byte) => (byte === LF || byte === CR ? SPACE : byte));
}

/** The same of a message that was read. */
export function inOneLine(frame: Frame): Frame {
  const raw = bytesInOneLine(frame.raw);
  return raw === frame.raw ? frame : { ...frame, raw, text: frame.text.replace(BREAK, " ") };
}
