#!lua flags=allow-oom
-- Give out no version any more that is not above the floor, the time, and what was seen of the stream; and no id, to
-- whoever adds an entry by hand.
--
-- KEYS  1 clock, 2 write stream, 3 where the stream is meanwhile
-- ARGV  1 floor, the database's, 2 the newest version that was seen of the stream
-- Returns the newest version that is not given out any more.

-- include clock.lua

local floor, seen = believed(ARGV[1]) or 0, believed(ARGV[2]) or 0
local newest = math.max(newest_given(KEYS[1], KEYS[2], floor) or 0, floor, now_us)
if seen <= math.max(floor, now_us) + HORIZON_US then newest = math.max(newest, seen) end
redis.call('SET', KEYS[1], string.format('%.0f', newest))

local stream, aside = KEYS[2], KEYS[3]
if is_above(stream_id(newest), last_id(stream)) then -- no service may set the last id of the write stream in its place
  if redis.call('EXISTS', stream) == 1 then
    redis.call('RENAME', stream, aside)
  else
    make(aside)
  end
  redis.call('XSETID', aside, stream_id(newest))
  redis.call('RENAME', aside, stream)
end
return string.format('%.0f', newest)
