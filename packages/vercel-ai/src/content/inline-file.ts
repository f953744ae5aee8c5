/** A file inside a part: bytes in the part itself, or an address. */
export type InlineFile =
  | {
      readonly kind: "bytes";
      /** Base64, or bytes. */
      readonly data: string | Uint8Array;
      /** What a file of text says. */
      readonly text: string | undefined;
      /** Whether the bytes are the data itself, as version 5 of the SDK writes files of a tool's result. */
      readonly isBare: boolean;
    }
  | { readonly kind: "address"; readonly url: URL };

type PlainRecord = Readonly<Record<string, unknown>>;

/** The file of a part, undefined for a part without one, or with one that is plain text or a reference. */
export function fileOf({ type, mediaType, data }: PlainRecord): InlineFile | undefined {
  if (type === "media") return bytesIn(data, mediaType, true);
  if ((type !== "file" && type !== "reasoning-file") || !isRecord(data)) return undefined;
  const { url } = data;
  // An address that is the file itself is of any size, and no words that a rule could read.
  if (data["type"] === "url" && url instanceof URL && url.protocol !== "data:")
    return { kind: "address", url };
  return data["type"] === "data" ? bytesIn(data["data"], mediaType, false) : undefined;
}

function bytesIn(bytes: unknown, mediaType: unknown, isBare: boolean): InlineFile | undefined {
  if (typeof bytes !== "string" && !(bytes instanceof Uint8Array)) return undefined;
  const isText = typeof mediaType === "string" && TEXT_TYPE.test(mediaType);
  const isMedia = typeof mediaType === "string" && MEDIA_TYPE.test(mediaType);
  const text = isText || (!isMedia && looksLikeText(bytes)) ? decode(bytes) : undefined;
  return { kind: "bytes", data: bytes, text, isBare };
}

const TEXT_TYPE = /^text(\/|$)|[/+](json|xml|yaml|javascript)\b/i;
/** What a provider looks at or listens to: it finds no words there that are written as such. */
const MEDIA_TYPE = /^(image|audio|video)(\/|$)/i;

/** The words of a file, or the address of one; undefined for other bytes. */
export function wordsOf(file: InlineFile): string | undefined {
  return file.kind === "address" ? file.url.href : file.text;
}

/** The data of a file with other words. */
export function withWords(file: InlineFile, words: string): object | string {
  if (file.kind === "address") {
    if (words === file.url.href) return { type: "url", url: file.url };
    // What is no address any more must not be shown as the one that it was.
    return { type: "url", url: new URL(URL.canParse(words) ? words : "about:blank") };
  }
  if (words === file.text) return withBytes(file, file.data);
  const bytes = new TextEncoder().encode(words);
  return withBytes(file, typeof file.data === "string" ? base64Of(bytes) : bytes);
}

/** What rules look at of a file: its words or its address, the size of anything else. */
export function shownFile(file: InlineFile): object {
  const words = wordsOf(file);
  if (file.kind === "address") return { type: "url", url: words };
  return words === undefined ? { type: "data", size: file.data.length } : { type: "data", text: words };
}

/** The file with what rules left of its words. */
export function writtenFile(file: InlineFile, shown: unknown): object | string {
  if (wordsOf(file) === undefined && file.kind === "bytes") return withBytes(file, file.data);
  const words = isRecord(shown) ? shown[file.kind === "address" ? "url" : "text"] : undefined;
  return withWords(file, typeof words === "string" ? words : "");
}

function withBytes({ isBare }: { readonly isBare: boolean }, data: string | Uint8Array): object | string {
  return isBare ? data : { type: "data", data };
}

/** A type that says nothing of it may still be read as text: what is no UTF-8, or has a zero, is none. */
function looksLikeText(data: string | Uint8Array): boolean {
  try {
    // Cut between characters of base64 and not within a sequence of UTF-8, which `stream` leaves open.
    const start = typeof data === "string" ? bytesOf(data.slice(0, LOOKED_AT)) : data.subarray(0, LOOKED_AT);
    return !new TextDecoder("utf-8", { fatal: true }).decode(start, { stream: true }).includes("\0");
  } catch {
    return false;
  }
}

/** A multiple of four: whole groups of base64. */
const LOOKED_AT = 4096;

/** @returns undefined for what is no base64, and so no text that a provider could read */
function decode(data: string | Uint8Array): string | undefined {
  try {
    return new TextDecoder().decode(typeof data === "string" ? bytesOf(data) : data);
  } catch {
    return undefined;
  }
}

// On the edge there is no Buffer.

function bytesOf(base64: string): Uint8Array {
  const standard = base64.replaceAll("-", "+").replaceAll("_", "/");
  return Uint8Array.from(atob(standard), (unit) => unit.charCodeAt(0));
}

function base64Of(bytes: Uint8Array): string {
  let units = "";
  for (const byte of bytes) units += String.fromCharCode(byte);
  return btoa(units);
}

/** Whether a value has members: an object that is no list. */
export function isRecord(value: unknown): value is PlainRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
