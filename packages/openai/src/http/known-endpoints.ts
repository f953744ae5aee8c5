import { endpointOf, type Endpoint } from "./endpoint.ts";
import { addressOf, type Address } from "./native-request.ts";

/** Where a request goes, and what that is. */
export interface KnownEndpoint {
  readonly address: Address;
  readonly endpoint: Endpoint;
}

/** How many addresses are remembered. */
const MAX_KNOWN = 100;

/** Clients call the same few addresses all the time: each is looked at once. */
export class KnownEndpoints {
  readonly #passthrough: readonly string[];
  readonly #known = new Map<string, KnownEndpoint>();

  /** @param passthrough Ends of paths that pass without a decision. */
  constructor(passthrough: readonly string[]) {
    this.#passthrough = passthrough;
  }

  of(target: string | Request, init: RequestInit | undefined): KnownEndpoint {
    if (typeof target !== "string") return this.#look(target, init);
    // No method has a space.
    const key = `${init?.method ?? "GET"} ${target}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const looked = this.#look(target, init);
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(key, looked);
    return looked;
  }

  #look(target: string | Request, init: RequestInit | undefined): KnownEndpoint {
    const address = addressOf(target, init);
    return { address, endpoint: endpointOf(address.method, address.url, this.#passthrough) };
  }
}
