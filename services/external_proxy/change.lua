#!lua
-- Store a change of the configuration, if the stored one is still the one that the decision was based on.
--
-- KEYS  the change in force, the list of audit entries (newest first)
-- ARGV  the expected stored change, byte for byte ('': none), new change, audit entry ('': none), entries kept
-- Returns 1, or 0 if another change is stored.

if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
if ARGV[3] ~= '' then
  redis.call('LPUSH', KEYS[2], ARGV[3])
  redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[4]) - 1)
end
return 1
