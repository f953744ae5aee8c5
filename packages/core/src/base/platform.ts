/**
 * The few web-standard shapes core touches, declared here because core compiles without DOM or Node types and so
 * provably runs on any JavaScript runtime. Structurally the real `AbortSignal` and `Response` fit.
 */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** The web-standard `AbortController`. */
export interface AbortControllerLike {
  readonly signal: AbortSignalLike;
  abort(reason?: unknown): void;
}

/** What a notifier needs of the web-standard `fetch`. */
export type FetchLike = (
  url: string,
  init: {
    method: string;
    headers: Readonly<Record<string, string>>;
    body: string;
    signal: AbortSignalLike;
    redirect: "error";
  },
) => Promise<{ readonly ok: boolean; readonly status: number }>;
