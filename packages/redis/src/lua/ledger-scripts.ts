import { createScript } from "../connection/script.ts";
import { CELLS_LUA } from "./cells.ts";
import { DOCUMENTS_LUA } from "./document-scripts.ts";
import { HOLDS_LUA } from "./holds.ts";
import { JUDGE_LUA } from "./judge.ts";
import { LEASES_LUA } from "./leases.ts";
import { RESERVE_LUA } from "./reserve.ts";
import { WINDOWS_LUA } from "./windows.ts";

const ACCOUNTS = WINDOWS_LUA + CELLS_LUA;
/** Loads the cells; answers early when something is missing. */
const LOADED = "local missing = load_cells()\nif missing then return missing end\n";
const HELD = ACCOUNTS + HOLDS_LUA;

/** `KEYS`: three per cell, the hold. All limits of a call, all or none. */
export const RESERVE = createScript(`${HELD}${JUDGE_LUA}${RESERVE_LUA}${LOADED}
local given
missing, given = reserve(KEYS[3 * #cells + 1], false)
if missing then return ask_for(missing) end
save_cells()
return reply(given)
`);

/**
 * `KEYS`: three per cell, a hold for each of `req.ops`, four per document. `ARGV`: the request, whose `documents` is their
 * number, then eight per document. All of it or nothing: answers `done` with the documents' versions and then what the
 * probes among the `ops` are answered, `moved` with what is there instead where it has changed, `refused` with an answer
 * for each of `ops`: 1 where it fits, 0 where it must be asked for alone, else that of `RESERVE`.
 */
export const ADMIT = createScript(`${HELD}${JUDGE_LUA}${RESERVE_LUA}${DOCUMENTS_LUA}${LOADED}
local holds, ops = 3 * #cells, req.ops
local first = holds + #ops
local there, has_moved = { 'ok', now, 'moved' }, false
for at = 1, req.documents do
  local current = moved(first + 4 * (at - 1), 1 + 8 * (at - 1))
  there[at + 3], has_moved = current, has_moved or current ~= false
end
if has_moved then return ask_for(there) end
local answers, is_refused = {}, false
-- One alone is judged when it is taken.
if #ops > 1 or (ops[1] and ops[1].is_probe) then answers, is_refused = judge_all(ops, holds) end
if is_refused then return ask_for({ 'ok', now, 'refused', answers }) end
for at, op in ipairs(ops) do
  if not op.is_probe then
    local given
    req.items, req.ttl_ms = op.items, op.ttl_ms
    missing, given = reserve(KEYS[holds + at], true)
    if missing then return ask_for(missing) end
    if #given > 1 then answers[at], is_refused = given, true end
  end
end
save_cells()
if is_refused then return { 'ok', now, 'refused', answers } end
local done = { 'ok', now, 'done' }
for at = 1, req.documents do done[at + 3] = write_document(first + 4 * (at - 1), 1 + 8 * (at - 1)) end
for at, op in ipairs(ops) do
  if op.is_probe then done[#done + 1] = answers[at] end
end
return done
`);

/** `KEYS` as for `RESERVE`: what it would answer. Writes only what time alone has changed. */
export const PROBE = createScript(`${HELD}${JUDGE_LUA}${LOADED}
save_cells()
local earlier = load_hold(KEYS[3 * #cells + 1])
if not earlier then return reply(judge({})) end
if earlier.u > now and is_same_request(earlier) then return reply(earlier.a) end
missing = missing_cells(earlier)
if missing then return ask_for(missing) end
local expired_at = earlier.u <= now and earlier.u or nil
local kept = kept_calls(earlier, expired_at)
lift(earlier, expired_at)
return reply(judge(kept))
`);

/**
 * `KEYS`: three per cell, the hold. Ends a hold with what was really used, `req.actuals`, or gives it back. With `req.by`
 * only what that attempt has taken, if nobody else has.
 */
export const END = createScript(`${HELD}${LOADED}
local key = KEYS[3 * #cells + 1]
local hold = load_hold(key)
if hold then
  missing = missing_cells(hold)
  if missing then return ask_for(missing) end
  if req.by and not is_last(key, hold, req.by) then
    -- Of others now, or never taken.
  elseif req.actuals then
    settle_hold(key, req.actuals)
  else
    local expired_at = hold.u <= now and hold.u or nil
    end_hold(key, hold)
    for _, item in ipairs(hold.i) do release_item(item, expired_at) end
  end
end
save_cells()
return { 'ok', now }
`);

/** `KEYS` as for `END`. After its time the room may be another's: a late renewal revives nothing. */
export const RENEW = createScript(`${HELD}${LOADED}
local key = KEYS[3 * #cells + 1]
local hold = load_hold(key)
if hold and hold.u > now then
  missing = missing_cells(hold)
  if missing then return ask_for(missing) end
  hold.u = now + req.ttl_ms
  write_hold(key, hold)
end
save_cells()
return { 'ok', now }
`);

/** `KEYS`: three of one cell. Answers used, held and what is granted on top of the limit. */
export const READ = createScript(`${ACCOUNTS}${LOADED}
save_cells()
return { 'ok', now, cells[1].t, cells[1].h, granted(cells[1]) }
`);

/** `KEYS`: three of one cell. Raises its limit by `req.amount` for the current window. */
export const GRANT = createScript(`${ACCOUNTS}${LOADED}
local c = cells[1]
local until_ms = NEVER
if c.k == 'calendar' then until_ms = c.z elseif c.k ~= 'lifetime' then until_ms = now + c.w end
c.g[#c.g + 1], c.g[#c.g + 2] = req.amount, until_ms
c.dirty = true
save_cells()
return { 'ok', now }
`);

/** `KEYS`: three of one cell. Forgets what was used; what is held stays held. */
export const RESET = createScript(`${ACCOUNTS}
if redis.call('EXISTS', KEYS[1]) == 0 then return { 'ok', now } end
-- The period is not advanced: what was used of it goes anyway.
local missing = load_cells()
if missing and missing[1] ~= 'period' then return missing end
cells[1].now = now
sweep(cells[1])
clear(cells[1])
save_cells()
return { 'ok', now }
`);

/** `KEYS`: three per cell, the holds of leases, the clients. Reports what was spent and takes new leases, in one. */
export const LEASE = createScript(`${HELD}${LEASES_LUA}${LOADED}
for _, ended in ipairs(req.ends) do end_lease(ended) end
move_holds()
local clients = #req.wants > 0 and count_clients() or 0
local answer = { 'ok', now }
for _, want in ipairs(req.wants) do answer[#answer + 1] = take_lease(want, clients) end
save_cells()
return answer
`);
