import { parseJson, recordOf, type JsonRecord } from "../protocol/json.ts";

/** `fetch`, as SDKs call it. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** What is sent in the place of what was asked for. */
export interface Changes {
  readonly json?: JsonRecord | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A request whose body can be read and replaced. */
export interface NativeRequest {
  readonly method: string;
  readonly url: URL;
  readonly signal: AbortSignal | undefined;
  /** The body, if it is a text. */
  readonly text: string | undefined;
  /** The body, if it is a JSON object; an empty one where there is no body. */
  readonly json: JsonRecord | undefined;
  /** The fields of a form that are texts; undefined for one whose words nobody could tell. */
  readonly form: JsonRecord | undefined;
  /** A header of it, however it was given. */
  header(name: string): string | null;
  /** Hears of an answer that is an error, before what it says is judged. */
  readonly onRefused?: (response: Response) => void;
  /** Sends it, with another body and signal where given. */
  send(changes: Changes): Promise<Response>;
}

/** Where a request goes. */
export interface Address {
  readonly method: string;
  readonly url: URL;
}

/** What a request is, without reading its body. */
export function addressOf(input: string | Request, init: RequestInit | undefined): Address {
  const method = init?.method ?? (typeof input === "string" ? "GET" : input.method);
  return { method: method.toUpperCase(), url: new URL(typeof input === "string" ? input : input.url) };
}

/** What `fetch` is given, as something that nobody can change while it is decided. */
export function targetOf(input: string | URL | Request): string | Request {
  if (typeof input === "object" && "url" in input) return input;
  return typeof input === "string" ? input : input.href;
}

/**
 * Reads a request once, so that what is decided is what is sent.
 * @param inner The `fetch` that sends it.
 */
export function readRequest(
  inner: Fetch,
  address: Address,
  given: GivenRequest,
): NativeRequest | Promise<NativeRequest> {
  const { input, init } = given;
  const body = init?.body;
  // As SDKs send it: nothing has to be waited for.
  if (typeof body === "string") return nativeRequest(inner, address, { ...given, body, text: body });
  return readLater(inner, address, { input, init });
}

async function readLater(inner: Fetch, address: Address, given: GivenRequest): Promise<NativeRequest> {
  const { input, init } = given;
  const request = typeof input === "string" ? undefined : input;
  const body = init?.body ?? (request === undefined ? undefined : await request.clone().arrayBuffer());
  const isText = !(body instanceof FormData) && body !== null && body !== undefined;
  const text = isText ? await new Response(body).text() : undefined;
  return nativeRequest(inner, address, { ...given, body, text });
}

/** What `fetch` was given. */
interface GivenRequest {
  readonly input: string | Request;
  readonly init: RequestInit | undefined;
}

function nativeRequest(
  inner: Fetch,
  { method, url }: Address,
  { input, init, body, text }: GivenRequest & { readonly body: unknown; readonly text: string | undefined },
): NativeRequest {
  const request = typeof input === "string" ? undefined : input;
  const isForm = body instanceof FormData;
  const signal = init?.signal ?? request?.signal;
  const said = text === undefined ? undefined : recordOf(parseJson(text));
  return {
    method,
    url,
    signal: signal ?? undefined,
    text,
    json: isForm || text !== undefined ? said : {},
    form: isForm ? formOf(body) : undefined,
    header: (name) => new Headers(init?.headers ?? request?.headers).get(name),
    send({ json, signal: other }) {
      const next: RequestInit = { ...init, ...(other !== undefined && { signal: other }) };
      if (json !== undefined && isForm) {
        next.body = withFields(body, json);
      } else if (text !== undefined) {
        // What was read is what is sent: of a member that is said twice a server may read the other one.
        const sent = (json ?? said) === undefined ? text : JSON.stringify(json ?? said);
        next.body = sent;
        if (sent !== body) next.headers = headersOf(init?.headers ?? request?.headers, body);
      }
      return inner(input, next);
    },
  };
}

/** The length of a body that was replaced is another; `fetch` counts it again. A blob tells its type itself. */
function headersOf(given: RequestInit["headers"], body: unknown): Headers {
  const headers = new Headers(given);
  headers.delete("content-length");
  if (body instanceof Blob && body.type !== "" && !headers.has("content-type")) {
    headers.set("content-type", body.type);
  }
  return headers;
}

/** The form with other texts in the same fields; its files are the same. */
function withFields(form: FormData, fields: JsonRecord): FormData {
  const next = new FormData();
  for (const [name, value] of form.entries()) {
    const text = fields[name];
    if (typeof value === "string") next.append(name, typeof text === "string" ? text : value);
    else next.append(name, value);
  }
  return next;
}

/** Members of a form that rules look at: said twice, or as a file, nobody knows what a server reads. */
const SPOKEN = ["model", "prompt", "negative_prompt", "input", "instructions", "stream"] as const;

function formOf(form: FormData): JsonRecord | undefined {
  const isClear = SPOKEN.every((member) => {
    const values = form.getAll(member);
    return values.length < 2 && values.every((value) => typeof value === "string");
  });
  if (!isClear) return undefined;
  return Object.fromEntries([...form.entries()].filter(([, value]) => typeof value === "string"));
}
