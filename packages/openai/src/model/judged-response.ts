import { answerWith } from "../http/provider-error.ts";
import type { JsonRecord } from "../protocol/json.ts";

/** An answer that was read to be judged. */
export interface ReadAnswer {
  /** As it came; its body has been read. */
  readonly response: Response;
  readonly text: string;
  /** What the text says, if it is a JSON object. */
  readonly json: JsonRecord | undefined;
}

// The types have its methods as properties, which no class could override.
const NativeResponse: new (body: null, init: ResponseInit) => object = Response;

/**
 * An answer that was judged and is given on as it came, headers included. Its body is written again only for who asks
 * for it: SDKs ask for its text or JSON, and those are there already. To write and read a body costs as much as the decision.
 */
class JudgedResponse extends NativeResponse {
  readonly #answer: ReadAnswer;
  readonly #headers: Headers;
  #isRead = false;
  #written: Response | undefined;

  /**
   * @param answer Its JSON is handed out, once: nobody else may hold on to it.
   * @param headers Those that came: to copy headers is the dearest part of making a response.
   */
  constructor(answer: ReadAnswer, headers: Headers = answer.response.headers) {
    const { status, statusText } = answer.response;
    super(null, { status, statusText });
    this.#answer = answer;
    this.#headers = headers;
  }

  get headers(): Headers {
    return this.#headers;
  }

  get url(): string {
    return this.#answer.response.url;
  }

  get redirected(): boolean {
    return this.#answer.response.redirected;
  }

  get type(): Response["type"] {
    return this.#answer.response.type;
  }

  get body(): Response["body"] {
    return this.#body().body;
  }

  get bodyUsed(): boolean {
    return this.#isRead || this.#written?.bodyUsed === true;
  }

  json(): Promise<unknown> {
    const { json } = this.#answer;
    return json !== undefined && this.#isFirst() ? Promise.resolve(json) : this.#body().json();
  }

  text(): Promise<string> {
    return this.#isFirst() ? Promise.resolve(this.#answer.text) : this.#body().text();
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#body().arrayBuffer();
  }

  bytes(): ReturnType<Response["bytes"]> {
    return this.#body().bytes();
  }

  blob(): ReturnType<Response["blob"]> {
    return this.#body().blob();
  }

  formData(): ReturnType<Response["formData"]> {
    return this.#body().formData();
  }

  clone(): JudgedResponse {
    // A used body refuses it.
    if (this.bodyUsed || this.#written?.body?.locked === true) this.#body().clone();
    const { response, text } = this.#answer;
    return new JudgedResponse({ response, text, json: undefined }, new Headers(this.#headers));
  }

  /** Whether the body was not read yet, nor asked for; now it was. */
  #isFirst(): boolean {
    if (this.#isRead || this.#written !== undefined) return false;
    this.#isRead = true;
    return true;
  }

  /** The body as one that can be read once; one that was read already says so like any other. */
  #body(): Response {
    if (this.#written === undefined) {
      const { response, text } = this.#answer;
      this.#written = answerWith(response, text);
      // Of a body in memory nothing is waited for.
      if (this.#isRead) void this.#written.text();
    }
    return this.#written;
  }
}

/** @returns It as what it is to anyone else: a Response with all of its members. */
export function judgedResponse(answer: ReadAnswer): Response {
  // It has every member of one, from its class or from here.
  return new JudgedResponse(answer) as unknown as Response;
}
