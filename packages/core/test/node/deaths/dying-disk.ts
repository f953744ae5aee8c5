/* oxlint-disable typescript/no-unsafe-type-assertion -- functions are put in the place of others of their type */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import path from "node:path";
import { promisify } from "node:util";

/**
 * A process that dies at a step of its work with the disk, such as by kill -9: from then on nothing that it calls reaches
 * the disk any more, so what lies there is what a kill leaves. To be imported before whatever works with files.
 */
export interface DyingDisk {
  /** What was done so far; of a name drawn at random only the kind. */
  readonly steps: readonly Step[];
  /** Whether the process has died. */
  readonly isDead: boolean;
  /** Begins another process. */
  begin(death: Death): void;
  /** It dies now. */
  kill(): void;
}

/** `renameSync audit-000001.checkpoint`, and which of them, from 1. */
export interface Step {
  readonly name: string;
  readonly count: number;
}

/** When a process dies; a step that writes can be done by half. */
export interface Death {
  /** Works with files below it count. */
  readonly directory: string;
  /** At which step; undefined for none. What is done aside comes between the others in any order: they go by name. */
  readonly step: Step | undefined;
  readonly isByHalf: boolean;
  /** With the power: of a file only what was flushed is left. Its names are, for an empty file is worse than none. */
  readonly isOfPower?: boolean;
}

let death: Death = { directory: "/nowhere", step: undefined, isByHalf: false };
/** How much of each file was flushed, by its number. */
let flushed = new Map<number, number>();
let steps: Step[] = [];
let isDead = false;
const open = new Map<number, string>();

export const dyingDisk: DyingDisk = {
  get steps() {
    return steps;
  },
  get isDead() {
    return isDead;
  },
  begin(next) {
    death = next;
    steps = [];
    // What others have left was flushed long ago.
    flushed = new Map(sizesIn(next.directory));
    isDead = false;
  },
  kill() {
    isDead = true;
  },
};

function nameOf(file: string): string {
  return file === death.directory ? "directory" : path.basename(file).replace(/[0-9a-f-]{36}\.tmp$/, "tmp");
}

function concerns(file: unknown): file is string {
  return typeof file === "string" && file.startsWith(death.directory);
}

/** @returns Whether the step is to be done by half, after which the process is dead. */
function step(operation: string, file: string, isWrite = false): boolean {
  if (isDead) throw new Error("killed");
  const name = `${operation} ${nameOf(file)}`;
  const count = 1 + steps.filter((before) => before.name === name).length;
  steps.push({ name, count });
  if (death.step?.name !== name || death.step.count !== count) return false;
  isDead = true;
  if (death.isOfPower === true) losePower();
  if (isWrite && death.isByHalf) return true;
  throw new Error("killed");
}

function sizesIn(directory: string): readonly (readonly [number, number])[] {
  if (!fs.existsSync(directory)) return [];
  const all = readdirSync(directory).map((name) => fs.statSync(path.join(directory, name)));
  return all.map(({ ino, size }) => [ino, size]);
}

function noteFlushed(descriptor: number): void {
  const { ino, size } = fs.fstatSync(descriptor);
  flushed.set(ino, size);
}

function losePower(): void {
  if (!fs.existsSync(death.directory)) return;
  for (const name of readdirSync(death.directory)) {
    const descriptor = openSync(path.join(death.directory, name), "r+");
    const { ino, size } = fs.fstatSync(descriptor);
    ftruncateSync(descriptor, Math.min(size, flushed.get(ino) ?? 0));
    fs.closeSync(descriptor);
  }
}

type Args = readonly unknown[];
type Work = (...args: Args) => unknown;

function half(content: unknown): Uint8Array {
  const bytes = typeof content === "string" ? Buffer.from(content) : (content as Uint8Array);
  return bytes.subarray(0, bytes.length >> 1);
}

function fileOf(target: unknown): string | undefined {
  const file = typeof target === "number" ? open.get(target) : target;
  return concerns(file) ? file : undefined;
}

/** Puts a step before each call of a function of `fs` that changes a file of the directory. */
function counted(name: "mkdirSync" | "linkSync" | "rmSync" | "renameSync" | "fsyncSync" | "ftruncateSync") {
  const original = fs[name] as Work;
  const isSync = name === "fsyncSync";
  const replaced = (...args: Args): unknown => {
    const file = fileOf(name === "linkSync" || name === "renameSync" ? args[1] : args[0]);
    if (file === undefined) return original(...args);
    step(name, file);
    // A process that is killed loses nothing that the system has.
    if (!isSync) return original(...args);
    return typeof args[0] === "number" && noteFlushed(args[0]);
  };
  Object.assign(fs, { [name]: replaced });
}

const { openSync, writeFileSync, writeSync, readdirSync, ftruncateSync } = fs;

for (const name of ["mkdirSync", "linkSync", "rmSync", "renameSync", "fsyncSync", "ftruncateSync"] as const)
  counted(name);

Object.assign(fs, {
  openSync(...args: Parameters<typeof openSync>) {
    const [file, flags] = args;
    if (!concerns(file)) return openSync(...args);
    if (isDead) throw new Error("killed");
    const makes = typeof flags === "number" && (flags & fs.constants.O_CREAT) !== 0 && !fs.existsSync(file);
    if (makes) step("openSync", file);
    const descriptor = openSync(...args);
    open.set(descriptor, file);
    return descriptor;
  },
  writeFileSync(...args: Parameters<typeof writeFileSync>) {
    const file = fileOf(args[0]);
    if (file === undefined || !step("writeFileSync", file, true)) {
      writeFileSync(...args);
      if (file !== undefined && isFlushing(args[2]))
        flushed.set(fs.statSync(file).ino, fs.statSync(file).size);
      return;
    }
    writeFileSync(args[0], half(args[1]), args[2]);
    throw new Error("killed");
  },
  writeSync(...args: unknown[]) {
    const file = fileOf(args[0]);
    if (file !== undefined) step("writeSync", file);
    return (writeSync as Work)(...args);
  },
  readdirSync(...args: unknown[]) {
    if (isDead && concerns(args[0])) throw new Error("killed");
    return (readdirSync as Work)(...args);
  },
});

function isFlushing(options: unknown): boolean {
  return typeof options === "object" && options !== null && "flush" in options && options.flush === true;
}

/** Those with a callback, as `promisify` makes them promises. */
const write = promisify(fs.write);
const ftruncate = promisify(fs.ftruncate);
Object.assign(fs, {
  write: Object.assign(() => undefined, {
    [promisify.custom]: async (descriptor: number, bytes: Uint8Array) => {
      const file = fileOf(descriptor);
      if (file === undefined || !step("write", file, true)) return write(descriptor, bytes);
      await write(descriptor, half(bytes));
      throw new Error("killed");
    },
  }),
  fdatasync: Object.assign(() => undefined, {
    [promisify.custom]: async (descriptor: number) => {
      step("fdatasync", fileOf(descriptor) ?? "");
      noteFlushed(descriptor);
    },
  }),
  ftruncate: Object.assign(() => undefined, {
    [promisify.custom]: async (descriptor: number, size: number) => {
      step("ftruncate", fileOf(descriptor) ?? "");
      await ftruncate(descriptor, size);
    },
  }),
});

const { open: openFile } = fs.promises;
fs.promises.open = async (file, flags, mode) => {
  if (!concerns(file)) return openFile(file, flags, mode);
  step("open", file);
  const handle = await openFile(file, flags, mode);
  const writeFile = handle.writeFile.bind(handle);
  return Object.assign(handle, {
    async writeFile(content: string | Uint8Array) {
      if (!step("writeFile", file, true)) return writeFile(content);
      await writeFile(half(content));
      throw new Error("killed");
    },
    async sync() {
      step("sync", file);
      noteFlushed(handle.fd);
    },
  });
};
syncBuiltinESMExports();
