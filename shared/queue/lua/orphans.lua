#!lua flags=allow-oom
-- Adopt orphans: entries that the group has passed and that are not pending for any consumer (after XGROUP DELCONSUMER
-- or SETID, or a restored backup). The stream is the truth of what must be done, so orphans are made pending again,
-- already idle, for the next reclaim.
--
-- An entry that was delivered before the server's clock was set back would not be idle until the clock is there again.
-- Redis reports its idle time as 0, so each entry with this idle time counts as delivered now.
--
-- KEYS  1 stream
-- ARGV  1 group, 2 consumer, 3 idle (ms), 4 id after which to start, 5 most entries to look at
-- Returns {id after which to continue ('' = at the end), adopted ids}

local stream, group, consumer, idle_ms, after, most = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

-- include info.lua

local position = group_of(stream, group)
local last = position and position['last-delivered-id']
if not last or last == '0-0' then return {'', {}} end

local delivered = redis.call('XRANGE', stream, '(' .. after, last, 'COUNT', most)
if #delivered == 0 then return {'', {}} end

-- Every pending entry in this range. Some may have left the stream, so the page size would be too small a limit.
local pending = {}
for _, each in ipairs(redis.call('XPENDING', stream, group, delivered[1][1], delivered[#delivered][1], 2 ^ 31)) do
  pending[each[1]] = each
end
local adopted = {}
for _, entry in ipairs(delivered) do
  local id, known = entry[1], pending[entry[1]]
  if not known then
    redis.call('XCLAIM', stream, group, consumer, 0, id, 'IDLE', idle_ms, 'RETRYCOUNT', 0, 'FORCE', 'JUSTID')
    adopted[#adopted + 1] = id
  elseif known[3] == 0 then
    redis.call('XCLAIM', stream, group, known[2], 0, id, 'JUSTID')
  end
end
return {#delivered == tonumber(most) and delivered[#delivered][1] or '', adopted}
