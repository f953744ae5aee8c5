import { watch } from "node:fs";
import { stat } from "node:fs/promises";
import path from "node:path";

import type { Timers } from "../base/ports.ts";
import { createPorts } from "../base/runtime.ts";
import { readPolicyFileTextAside, unreadable } from "./policy-file-text.ts";
import { readPolicyTextAside } from "./policy-text-aside.ts";

/** What a watcher sees of the file; tests replace it. */
export interface WatchedFile {
  read(): Promise<string>;
  /** Changes whenever the file does, also when another file takes its place. */
  stamp(): Promise<string>;
  /** Reports that something happened near the file; may miss or invent events. Returns the end of it. */
  onEvent(changed: () => void): () => void;
}

/** What becomes of changes. */
export interface WatchOptions {
  /**
   * Takes the new content, unchecked plain data; a promise is awaited before the file is looked at again. A throw
   * means that it is not valid: the set in force stays, and `onError` is told.
   */
  readonly onChange: (document: unknown) => void | Promise<void>;
  /** Told of everything that keeps the file from being in force, once until it is another error or none. */
  readonly onError: (error: Error) => void;
  /** The file must not have changed for this long before it is read, in ms. Default 100. */
  readonly settleMs?: number;
  /** How often to look when no event comes (network file systems have none), in ms. Default 2,000. */
  readonly pollMs?: number;
  readonly timers?: Timers;
  readonly file?: WatchedFile;
  /** Reads the text. Default: as YAML or JSON, a long one in a worker. */
  readonly parse?: (text: string, path: string) => unknown;
}

/** A running watch. */
export interface PolicyWatch {
  /** Looks at the file now; settles when what it holds is in force or was refused. */
  check(): Promise<void>;
  /** Ends the watch; nothing is handed over after it. Settles when a look that is under way has ended. */
  close(): Promise<void>;
}

/**
 * Follows a policy file: each complete new content is handed over once. A file that is half written (unparsable, still
 * changing, or changed while it was read), broken or gone changes nothing.
 * @param file Path of a YAML or JSON file; editors and deployments that replace it by another file are followed.
 * @param options The content that is in force already is not handed over again if `loaded` is that text.
 */
export function watchPolicyFile(
  file: string,
  options: WatchOptions & { readonly loaded?: string },
): PolicyWatch {
  const watcher = new PolicyFileWatcher(file, options);
  watcher.start();
  return { check: () => watcher.check(), close: () => watcher.close() };
}

class PolicyFileWatcher {
  readonly #path: string;
  readonly #options: WatchOptions;
  readonly #file: WatchedFile;
  readonly #timers: Timers;
  /** The text last taken or refused: the same again is no news. */
  #seen: string | undefined;
  #stamp = "";
  #lastError: string | undefined;
  #checking: Promise<void> | undefined;
  #isClosed = false;
  #cancelTimer: () => void = () => undefined;
  #cancelEvents: () => void = () => undefined;

  constructor(file: string, options: WatchOptions & { readonly loaded?: string }) {
    this.#path = file;
    this.#options = options;
    this.#file = options.file ?? realFile(file);
    this.#timers = options.timers ?? createPorts().timers;
    this.#seen = options.loaded;
  }

  start(): void {
    this.#cancelEvents = this.#file.onEvent(() => this.#lookAfter(this.#options.settleMs ?? 100));
    this.#lookAfter(this.#options.settleMs ?? 100);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTimer();
    this.#cancelEvents();
    await this.#checking;
  }

  /** Looks at the file at once, settled or not. */
  check(): Promise<void> {
    this.#checking ??= this.#take().finally(() => (this.#checking = undefined));
    return this.#checking;
  }

  #lookAfter(delayMs: number): void {
    if (this.#isClosed) return;
    this.#cancelTimer();
    this.#cancelTimer = this.#timers.set(() => void this.#look(), delayMs);
  }

  /** Takes the file once its stamp has not changed for the settling time. Never rejects. */
  async #look(): Promise<void> {
    const { settleMs = 100, pollMs = 2_000 } = this.#options;
    const stamp = await this.#file.stamp().catch(() => "gone");
    const isSettled = stamp === this.#stamp;
    this.#stamp = stamp;
    // A look that began before this one may have read what stood there before.
    const isOlder = this.#checking !== undefined;
    if (isSettled) await this.check();
    this.#lookAfter(isSettled && !isOlder ? pollMs : settleMs);
  }

  async #take(): Promise<void> {
    try {
      const text = await this.#readWhole();
      if (this.#isClosed || text === undefined || text === this.#seen) return;
      this.#seen = text;
      const document = await (this.#options.parse ?? parseAside)(text, this.#path);
      if (this.#isClosed) return;
      await this.#options.onChange(document);
      this.#lastError = undefined;
    } catch (error) {
      this.#report(
        error instanceof Error ? error : new Error("the policy file was refused", { cause: error }),
      );
    }
  }

  /** The text, or undefined when it changed while it was read: another look will follow. */
  async #readWhole(): Promise<string | undefined> {
    try {
      const before = await this.#file.stamp();
      const text = await this.#file.read();
      return (await this.#file.stamp()) === before ? text : undefined;
    } catch (error) {
      // Once it is back it is news again, whatever it holds.
      this.#seen = undefined;
      throw unreadable(this.#path, error);
    }
  }

  #report(error: Error): void {
    if (this.#isClosed || error.message === this.#lastError) return;
    this.#lastError = error.message;
    this.#options.onError(error);
  }
}

async function parseAside(text: string, file: string): Promise<unknown> {
  const read = await readPolicyTextAside(text, file);
  return read.kind === "json" ? JSON.parse(read.text) : read.data;
}

function realFile(file: string): WatchedFile {
  return {
    read: () => readPolicyFileTextAside(file),
    async stamp() {
      const { mtimeMs, size, ino, dev } = await stat(file);
      return `${dev}:${ino}:${size}:${mtimeMs}`;
    },
    onEvent(changed) {
      // The directory, not the file: editors put a new file in its place, and deployments swap a link beside it.
      try {
        const watcher = watch(path.dirname(file), { persistent: false }, changed);
        // Without events the regular look remains.
        watcher.on("error", () => watcher.close());
        return () => watcher.close();
      } catch {
        // This file system has no events; the regular look remains.
        return () => undefined;
      }
    },
  };
}
