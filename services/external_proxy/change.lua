#!lua
-- Put a change of the configuration in place, if nobody else has put one there meanwhile.
--
-- KEYS  the change in force, the list of audit entries (newest first)
-- ARGV  version that it follows (0: none), change, audit entry, entries kept
-- Returns 1, or 0 when another version is in force.

local current = redis.call('GET', KEYS[1])
local version = 0
if current then
  local sane, decoded = pcall(cjson.decode, current)
  if sane and type(decoded) == 'table' and type(decoded['version']) == 'number' then version = decoded['version'] end
end
if current and version ~= tonumber(ARGV[1]) and version ~= 0 then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('LPUSH', KEYS[2], ARGV[3])
redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[4]) - 1)
return 1
