import { createScript } from "../connection/script.ts";

/**
 * Lua: documents, each kept as its version, a line break and its JSON. `k` and `a` are what comes before its `KEYS` (the
 * document, the index of names, the names by expiry, the revision) and its `ARGV`: the version that was read (empty for
 * none), `1` and the JSON or `0` to delete, the time to live in ms (empty for ever), the name, the name as JSON, the
 * channel, up to how many bytes a value travels with the message.
 */
export const DOCUMENTS_LUA = `
local function whole(number) return string.format('%.0f', number) end

-- What is there instead of what the writer has read; false while that is still there.
local function moved(k, a)
  local current = redis.call('GET', KEYS[k + 1]) or ''
  if (string.match(current, '^%d+') or '') == ARGV[a + 1] then return false end
  return current
end

-- Writes or deletes, and tells everybody; answers the new version.
local function write_document(k, a)
  local document, index, expiry, head = KEYS[k + 1], KEYS[k + 2], KEYS[k + 3], KEYS[k + 4]
  local is_write, value, ttl_ms, name = ARGV[a + 2] == '1', ARGV[a + 3], tonumber(ARGV[a + 4]), ARGV[a + 5]
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  -- A write makes room for itself: names whose documents have expired go, some at a time.
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', expiry, '-inf', whole(now), 'LIMIT', 0, 8)) do
    redis.call('ZREM', index, gone)
    redis.call('ZREM', expiry, gone)
  end
  -- By the clock, and one more where that is behind: versions are never used twice, not even those that a failover lost.
  local previous = tonumber(redis.call('GET', head) or '0')
  local revision = math.max(previous + 1, tonumber(time[1]) * 1000000 + tonumber(time[2]))
  previous, revision = whole(previous), whole(revision)
  redis.call('SET', head, revision, 'PX', '7776000000')
  if is_write then
    if ttl_ms then
      redis.call('SET', document, revision .. '\\n' .. value, 'PX', whole(ttl_ms))
      redis.call('ZADD', expiry, whole(now + ttl_ms), name)
    else
      redis.call('SET', document, revision .. '\\n' .. value)
      redis.call('ZREM', expiry, name)
    end
    redis.call('ZADD', index, 0, name)
  else
    redis.call('DEL', document)
    redis.call('ZREM', index, name)
    redis.call('ZREM', expiry, name)
  end
  -- The names live as long as the longest of their documents.
  if redis.call('ZCARD', index) == redis.call('ZCARD', expiry) then
    local last = redis.call('ZRANGE', expiry, -1, -1, 'WITHSCORES')[2]
    if last then
      redis.call('PEXPIREAT', index, whole(tonumber(last) + 1000))
      redis.call('PEXPIREAT', expiry, whole(tonumber(last) + 1000))
    end
  else
    redis.call('PERSIST', index)
    redis.call('PERSIST', expiry)
  end
  local what = not is_write and 'gone' or #value <= tonumber(ARGV[a + 8]) and 'value' or 'read'
  redis.call('PUBLISH', ARGV[a + 7], table.concat({ revision, previous, what, ARGV[a + 6], what == 'value' and value or '' }, '\\n'))
  return revision
end
`;

/** `KEYS`: the revisions of collections. Answers the time in ms, then what stands there, 0 for nothing. */
export const REVISIONS = createScript(`
local time = redis.call('TIME')
local answer = { tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) }
for at, key in ipairs(KEYS) do answer[at + 1] = redis.call('GET', key) or 0 end
return answer
`);

/** Writes a document if it is still what was read. Answers `{ 1, version }` or else `{ 0, what is there now }`. */
export const UPDATE = createScript(`${DOCUMENTS_LUA}
local current = moved(0, 0)
if current then return { 0, current } end
return { 1, write_document(0, 0) }
`);
