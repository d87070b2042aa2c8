#!lua flags=allow-oom
-- Move any entries whose ids are implausibly far ahead to the end of the stream: see clock.lua.
--
-- KEYS  1 write stream, 2 clock, 3 the key under which the stream is rebuilt
-- ARGV  1 key prefix
-- Returns {version above which no entry's id is now, entries moved}

-- include info.lua
-- include clock.lua

local stream, clock = KEYS[1], KEYS[2]
is_of(ARGV[1])
local newest = math.max(now_us, newest_given(clock, stream, 0) or 0)
local limit, moved = newest + HORIZON_US, 0
if is_above(last_id(stream), stream_id(limit)) then moved = select(2, mend(stream, limit, newest, next_entry_id)) end
return {string.format('%.0f', limit), moved}
