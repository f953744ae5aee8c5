import { createScript } from "../script.ts";

/**
 * Writes a document if it is still what the writer has read, and tells everybody. A document is kept as its version, a
 * line break and its JSON. `KEYS`: the document, the index of names, the names by expiry, the revision. `ARGV`: the
 * version that was read (empty for none), `1` and the JSON or `0` to delete, the time to live in ms (empty for ever),
 * the name, the name as JSON, the channel, up to how many bytes a value travels with the message.
 * Answers `{ 1, version }` or, when it has changed, `{ 0, what is there now }`.
 */
export const UPDATE = createScript(`
local function text(number) return string.format('%.0f', number) end
local expected, is_write, value, ttl_ms, name = ARGV[1], ARGV[2] == '1', ARGV[3], tonumber(ARGV[4]), ARGV[5]
local current = redis.call('GET', KEYS[1]) or ''
if (string.match(current, '^%d+') or '') ~= expected then return { 0, current } end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
-- A write makes room for itself: names whose documents have expired go, some at a time.
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', text(now), 'LIMIT', 0, 8)) do
  redis.call('ZREM', KEYS[2], gone)
  redis.call('ZREM', KEYS[3], gone)
end
-- By the clock, and one more where that is behind: versions are never used twice, not even those that a failover lost.
local previous = tonumber(redis.call('GET', KEYS[4]) or '0')
local revision = math.max(previous + 1, tonumber(time[1]) * 1000000 + tonumber(time[2]))
previous, revision = text(previous), text(revision)
redis.call('SET', KEYS[4], revision, 'PX', '7776000000')
if is_write then
  if ttl_ms then
    redis.call('SET', KEYS[1], revision .. '\\n' .. value, 'PX', text(ttl_ms))
    redis.call('ZADD', KEYS[3], text(now + ttl_ms), name)
  else
    redis.call('SET', KEYS[1], revision .. '\\n' .. value)
    redis.call('ZREM', KEYS[3], name)
  end
  redis.call('ZADD', KEYS[2], 0, name)
else
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[2], name)
  redis.call('ZREM', KEYS[3], name)
end
-- The names live as long as the longest of their documents.
if redis.call('ZCARD', KEYS[2]) == redis.call('ZCARD', KEYS[3]) then
  local last = redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')[2]
  if last then
    redis.call('PEXPIREAT', KEYS[2], text(tonumber(last) + 1000))
    redis.call('PEXPIREAT', KEYS[3], text(tonumber(last) + 1000))
  end
else
  redis.call('PERSIST', KEYS[2])
  redis.call('PERSIST', KEYS[3])
end
local what = not is_write and 'gone' or #value <= tonumber(ARGV[8]) and 'value' or 'read'
redis.call('PUBLISH', ARGV[7], table.concat({ revision, previous, what, ARGV[6], what == 'value' and value or '' }, '\\n'))
return { 1, revision }
`);
