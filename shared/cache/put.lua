#!lua
-- Put copies into the cache, never an older one over a newer one.
--
-- KEYS  one per copy
-- ARGV  per copy: value (a JSON array that begins with the version) and lifetime (ms)
-- Returns how many were taken.

local taken = 0
for i, key in ipairs(KEYS) do
  local value, lifetime_ms = ARGV[2 * i - 1], ARGV[2 * i]
  local old = redis.call('GET', key)
  if not old or cjson.decode(old)[1] <= cjson.decode(value)[1] then
    redis.call('SET', key, value, 'PX', lifetime_ms)
    taken = taken + 1
  end
end
return taken
