#!lua flags=allow-oom
-- Raise the clock, so that every later version is above the database's floor, the current time, and the newest version
-- seen on the stream; and raise the stream's last id, so that the same holds for the id of an entry added by hand.
--
-- KEYS  1 clock, 2 write stream, 3 the stream's name while its last id is set
-- ARGV  1 the database's floor, 2 the newest version that was seen on the stream
-- Returns the new value of the clock: later versions are above it.

-- include info.lua
-- include clock.lua

local floor, seen = believed(ARGV[1]) or 0, believed(ARGV[2]) or 0
local newest = math.max(newest_given(KEYS[1], KEYS[2], floor) or 0, floor, now_us)
if seen <= math.max(floor, now_us) + HORIZON_US then newest = math.max(newest, seen) end
if not is_closed(KEYS[1]) then redis.call('SET', KEYS[1], string.format('%.0f', newest)) end

local stream, aside = KEYS[2], KEYS[3]
if is_above(stream_id(newest), last_id(stream)) then -- services have no right to XSETID on the write stream
  if redis.call('EXISTS', stream) == 1 then
    redis.call('RENAME', stream, aside)
  else
    make(aside)
  end
  redis.call('XSETID', aside, stream_id(newest))
  redis.call('RENAME', aside, stream)
end
return string.format('%.0f', newest)
