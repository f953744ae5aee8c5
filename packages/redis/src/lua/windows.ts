/**
 * Lua: what was used of one limit within its window, with the guarantees of core's windows. `log` remembers the time of
 * every call (a list, up to 1,000 of them), `bucket` counts in 60+1 slices of which the oldest counts whole, `calendar`
 * counts within a period that the caller names, `lifetime` counts for ever. A cell `c` is a table; its fields are
 * explained where it is loaded.
 */
export const WINDOWS_LUA = `
local SLICES, KEPT, MAX_LOGGED, NEVER = 60, 61, 1000, 9007199254740991

-- For what is joined to a text: Lua's own conversion keeps 14 digits, and integers up to 2^53 must survive. Arguments of
-- redis.call need no such care.
local function text(number) return string.format('%.0f', number) end

local function bucket_of(c, at) return math.floor(at * SLICES / c.w) end

local function leaves_at(c, bucket)
  local at = math.ceil((bucket + KEPT) * c.w / SLICES)
  -- The division may round to just before the boundary that bucket_of sees.
  while bucket_of(c, at) < bucket + KEPT do at = at + 1 end
  return at
end

local function add_to_bucket(c, amount, at)
  local bucket, pairs_ = bucket_of(c, at), c.b
  if bucket <= bucket_of(c, c.now) - KEPT then return end
  local i = #pairs_ - 1
  while i > 0 and pairs_[i] > bucket do i = i - 2 end
  if i > 0 and pairs_[i] == bucket then
    pairs_[i + 1] = pairs_[i + 1] + amount
  else
    table.insert(pairs_, i + 2, bucket)
    table.insert(pairs_, i + 3, amount)
  end
  c.t = c.t + amount
end

local function log_to_buckets(c)
  c.k = 'bucket'
  c.t = 0
  for _, at in ipairs(redis.call('LRANGE', c.log, 0, -1)) do add_to_bucket(c, 1, tonumber(at)) end
  redis.call('DEL', c.log)
end

-- Lets what has left the window go. False when the current period of a calendar was not among those given.
local function advance(c, periods)
  if c.k == 'log' then
    local first = redis.call('LINDEX', c.log, 0)
    while first and tonumber(first) + c.w <= c.now do
      redis.call('LPOP', c.log)
      first = redis.call('LINDEX', c.log, 0)
    end
    c.t = redis.call('LLEN', c.log)
  elseif c.k == 'bucket' then
    local gone, kept, total = bucket_of(c, c.now) - KEPT, {}, 0
    if c.b[1] and c.b[1] <= gone then
      for i = 1, #c.b, 2 do
        if c.b[i] > gone then
          kept[#kept + 1] = c.b[i]
          kept[#kept + 1] = c.b[i + 1]
          total = total + c.b[i + 1]
        end
      end
      c.b, c.t = kept, total
    end
  elseif c.k == 'calendar' and c.now >= c.z then
    for i = 1, #periods, 2 do
      if periods[i] <= c.now and c.now < periods[i + 1] then
        c.s, c.z, c.t = periods[i], periods[i + 1], 0
        return true
      end
    end
    return false
  end
  return true
end

local function use(c, amount, at)
  if amount <= 0 then return end
  c.dirty = true
  if c.k == 'log' and c.t + amount > MAX_LOGGED then log_to_buckets(c) end
  if c.k == 'log' then
    local times = {}
    for i = 1, amount do times[i] = at end
    -- A list that is new has no expiry time yet.
    if redis.call('RPUSH', c.log, unpack(times)) == amount then c.y = 0 end
    c.t = c.t + amount
  elseif c.k == 'bucket' then
    add_to_bucket(c, amount, at)
  elseif c.k == 'lifetime' or at >= c.s then
    c.t = c.t + amount
  end
end

-- Takes back what was used at a time, as far as it still counts.
local function unuse(c, amount, at)
  if amount <= 0 then return end
  c.dirty = true
  if c.k == 'log' then
    c.t = c.t - redis.call('LREM', c.log, -amount, at)
  elseif c.k == 'bucket' then
    local bucket = bucket_of(c, at)
    for i = 1, #c.b, 2 do
      if c.b[i] == bucket then
        local taken = math.min(amount, c.b[i + 1])
        c.b[i + 1] = c.b[i + 1] - taken
        c.t = c.t - taken
      end
    end
  elseif c.k == 'lifetime' or at >= c.s then
    c.t = c.t - math.min(amount, c.t)
  end
end

-- Milliseconds until so much of what is used has left the window; -1 when time alone will not help.
local function free_after(c, amount)
  if amount > c.t or c.k == 'lifetime' then return -1 end
  if c.k == 'log' then return tonumber(redis.call('LINDEX', c.log, amount - 1)) + c.w - c.now end
  if c.k == 'calendar' then return c.z - c.now end
  local freed = 0
  for i = 1, #c.b, 2 do
    freed = freed + c.b[i + 1]
    if freed >= amount then return math.max(0, leaves_at(c, c.b[i]) - c.now) end
  end
  return -1
end

-- When nothing that was used counts any more.
local function empty_at(c)
  if c.t == 0 then return 0 end
  if c.k == 'log' then return tonumber(redis.call('LINDEX', c.log, -1)) + c.w end
  if c.k == 'calendar' then return c.z end
  if c.k == 'lifetime' then return NEVER end
  return leaves_at(c, c.b[#c.b - 1])
end

local function clear(c)
  if c.k == 'log' then redis.call('DEL', c.log) end
  c.b, c.t, c.e, c.dirty = {}, 0, c.e + 1, true
end
`;
