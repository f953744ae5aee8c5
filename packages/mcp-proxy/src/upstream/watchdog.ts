import { spawn, type ChildProcess } from "node:child_process";
import { Socket } from "node:net";

/**
 * Reads which process groups begin and end, a line for each. The end of its input is the end of the proxy, however that
 * came: SIGKILL leaves a process no last word. The servers' input has ended with it, and they get as long as the proxy
 * itself would give them. Its parts are of POSIX; `kill -TERM -PID` is how every shell names a group.
 */
const SCRIPT = `
trap '' HUP INT TERM
groups=' '
while read -r verb group; do
  case $verb in
    started) groups="$groups$group " ;;
    ended) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
for signal in TERM KILL; do
  [ "$groups" = ' ' ] && exit
  sleep 1
  for group in $groups; do kill -$signal -$group 2>/dev/null; done
done
`;

const groups = new Set<number>();
let watcher: ChildProcess | undefined;

/**
 * Sees to it that servers end with this process even where it is killed: a small process of its own waits for that. Called
 * before a server is started, so that there is no moment in which nobody watches. Windows ends what a process has started
 * by itself.
 */
export function startWatching(): void {
  if (process.platform === "win32" || watcher !== undefined) return;
  // In a session of its own: whoever kills the proxy's group does not mean this one.
  const child = spawn("/bin/sh", ["-c", SCRIPT], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin" },
  });
  watcher = child;
  child.on("error", ({ message }) =>
    process.emitWarning(`a server may outlive this process if that is killed: ${message}`),
  );
  // It ended before us: the next server gets another one.
  child.on("close", () => (watcher = undefined));
  // Told of the loss by its end.
  child.stdin.on("error", () => undefined);
  // It must not keep the proxy alive.
  child.unref();
  if (child.stdin instanceof Socket) child.stdin.unref();
  for (const group of groups) tell("started", group);
}

/** @param group The process that leads it. */
export function groupStarted(group: number): void {
  groups.add(group);
  tell("started", group);
}

/** Nothing of it is left: its number may be another's now. */
export function groupEnded(group: number): void {
  if (groups.delete(group)) tell("ended", group);
}

function tell(verb: "started" | "ended", group: number): void {
  watcher?.stdin?.write(`${verb} ${group}\n`);
}
