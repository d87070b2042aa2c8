#!lua flags=allow-oom
-- Close a partition for a time: it takes no writes, and keeps its newest version. Closed for no time, it is open.
--
-- KEYS  1 write stream, 2 dead-letter stream, 3 clock
-- ARGV  1 how long (s; '' = until it is closed for another time)
-- Returns how many entries it holds

-- include info.lua
-- include clock.lua

local stream, dead, clock, for_s = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
local newest = newest_given(clock, stream, 0)
local until_us = (for_s == '' or for_s == '0') and for_s or string.format('%.0f', now_us + tonumber(for_s) * 1000000)
redis.call('SET', clock, 'closed ' .. until_us .. ' ' .. (newest and string.format('%.0f', newest) or ''))
return redis.call('XLEN', stream) + redis.call('XLEN', dead)
