/**
 * Lua: the accounts of limits. Of each cell, the request names three keys: a record, the queue of its holds by the time
 * they are up, the log of its calls. A record is packed numbers: `w` the window's length, `n` the latest time seen (the
 * server's clock may step back), `h` held, `t` used, `s`/`z` start and end of the calendar period, `e` epoch (grows with
 * every reset), `r` holds that have not ended, `x` until when those may be asked for, `d` a time before which no hold is
 * up, `q` how many are queued, `y` when queue and log expire, then grants with their ends and buckets with their sums.
 */
export const CELLS_LUA = `
local req = cjson.decode(ARGV[1])
local LATE_END_MS, EXPIRY_SLACK_MS = 86400000, 600000
local KINDS = { log = 1, bucket = 2, calendar = 3, lifetime = 4, 'log', 'bucket', 'calendar', 'lifetime' }
local RECORD = '>BddddddddddddI2I2'
local cells, names = {}, {}

local function server_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local now = server_ms()
-- A request that its caller has given up meanwhile must not take anything.
if req.until_ms and now > req.until_ms then return { 'late', now } end

local function new_cell(shape)
  local kind, detail = string.match(shape, '^(%a+):?(%d*)')
  return {
    k = kind, w = tonumber(detail) or 0, n = 0, h = 0, t = 0, s = 0, z = 0, e = 0, r = 0, x = 0, d = NEVER, q = 0, y = 0,
    g = {}, b = {},
  }
end

local function unpack_cell(packed)
  local c, kind, grants, buckets, at = {}, nil, 0, 0, nil
  kind, c.w, c.n, c.h, c.t, c.s, c.z, c.e, c.r, c.x, c.d, c.q, c.y, grants, buckets, at = struct.unpack(RECORD, packed)
  c.k = KINDS[kind]
  c.g = grants > 0 and { struct.unpack('>' .. string.rep('d', grants), packed, at) } or {}
  c.b = buckets > 0 and { struct.unpack('>' .. string.rep('d', buckets), packed, at + 8 * grants) } or {}
  -- Behind the numbers stands where reading has ended.
  c.g[grants + 1], c.b[buckets + 1] = nil, nil
  return c
end

local function pack_cell(c)
  local packed = struct.pack(
    RECORD, KINDS[c.k], c.w, c.now, c.h, c.t, c.s, c.z, c.e, c.r, c.x, c.d, c.q, c.y, #c.g, #c.b)
  if #c.g > 0 then packed = packed .. struct.pack('>' .. string.rep('d', #c.g), unpack(c.g)) end
  if #c.b > 0 then packed = packed .. struct.pack('>' .. string.rep('d', #c.b), unpack(c.b)) end
  return packed
end

local function granted(c)
  local sum = 0
  for i = 1, #c.g, 2 do
    if c.g[i + 1] > c.now then sum = sum + c.g[i] end
  end
  return sum
end

-- The time of holds is up: they are charged at that very moment, or given back. Bounded; what is left stays held. A
-- member says what to do: c(harge) or r(elease) an amount, or take back e(vents) with their time and epoch.
local function sweep(c)
  if c.d > c.now then return end
  local due = redis.call('ZRANGEBYSCORE', c.due, '-inf', c.now, 'WITHSCORES', 'LIMIT', 0, 1000)
  for i = 1, #due, 2 do
    local what, amount, at, epoch = string.match(due[i], '^(%a)(%d+):(%d+):(%d+):')
    amount = tonumber(amount)
    if what == 'e' then
      if tonumber(epoch) == c.e then unuse(c, amount, tonumber(at)) end
    else
      c.h = c.h - amount
      if what == 'c' then use(c, amount, tonumber(due[i + 1])) end
    end
    c.q = c.q - redis.call('ZREM', c.due, due[i])
  end
  local first = redis.call('ZRANGE', c.due, 0, 0, 'WITHSCORES')
  c.d = first[2] and tonumber(first[2]) or NEVER
  c.dirty = true
end

-- Nothing live is ever without its keys, and nothing stays for ever: every key expires when nothing counts any more.
local function save(c)
  local until_ms = empty_at(c)
  if #c.g > 0 then
    local grants = {}
    for i = 1, #c.g, 2 do
      if c.g[i + 1] > c.now then
        grants[#grants + 1], grants[#grants + 2] = c.g[i], c.g[i + 1]
        until_ms = math.max(until_ms, c.g[i + 1])
      end
    end
    c.g = grants
  end
  if until_ms == NEVER then until_ms = c.now + req.lifetime_ms end
  if c.r > 0 then until_ms = math.max(until_ms, c.x) end
  if until_ms <= c.now then return redis.call('DEL', c.key, c.due, c.log) end
  -- Set ahead, so that not every call has to.
  if until_ms > c.y then
    c.y = until_ms + EXPIRY_SLACK_MS
    if c.q > 0 then redis.call('PEXPIREAT', c.due, c.y) end
    if c.k == 'log' then redis.call('PEXPIREAT', c.log, c.y) end
  end
  redis.call('SET', c.key, pack_cell(c), 'PXAT', until_ms)
end

local function save_cells()
  for _, c in ipairs(cells) do
    if c.dirty then
      save(c)
      c.dirty = false
    elseif c.is_known and c.k == 'lifetime' and (c.t > 0 or #c.g > 0) then
      -- Asked for is alive: a budget that is spent must not come back because nothing more is spent of it.
      redis.call('PEXPIRE', c.key, math.max(req.lifetime_ms, c.r > 0 and c.x - c.now or 0))
    end
  end
end

-- Answers what is missing. What time has changed meanwhile is kept: its queue has been emptied.
local function ask_for(missing)
  save_cells()
  return missing
end

-- Loads every cell of the request as of one moment. Answers what the caller must send as well, if anything.
local function load_cells()
  for i, spec in ipairs(req.cells) do
    local key = KEYS[3 * i - 2]
    local packed = redis.call('GET', key)
    local c = packed and unpack_cell(packed) or new_cell(spec[1])
    c.key, c.due, c.log, c.is_known, c.shape = key, KEYS[3 * i - 1], KEYS[3 * i], packed ~= false, spec[1]
    if c.n > now then now = c.n end
    cells[i], names[key] = c, c
  end
  for _, c in ipairs(cells) do c.now = now end
  for i, c in ipairs(cells) do
    if not advance(c, req.cells[i][2] or {}) then return ask_for({ 'period', now }) end
    sweep(c)
  end
  return nil
end
`;
