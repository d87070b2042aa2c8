-- Included by other scripts (see script.py), after info.lua. Versions, the stream ids that they correspond to, and the
-- repair of a stream whose ids are implausibly high.
--
-- Versions are given out below 2^53. A claim about the highest version so far is believed up to BELIEVED_MAX, so that
-- 35 years of versions are left above it. A single source is believed up to HORIZON_US ahead of the others. If the
-- clock key is further ahead, the stream or the caller's floor has to confirm it; a stream id further ahead counts as
-- added by hand.

local VERSION_MAX, BELIEVED_MAX = 9007199254740992, 7881299347898368
local HORIZON_US = 86400000000 -- a day: more than a wrong time zone or a resumed machine can cause
local MOST_VALUES = 7000       -- unpack() can return fewer than 8000 values
local PAGE, LAST_ID = 500, '18446744073709551615-18446744073709551615'

local time = redis.call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function stream_id(version)
  return string.format('%.0f-%.0f', math.floor(version / 1000), version % 1000)
end

-- With several partitions, a version modulo their count is the partition's number, so that no two entries share an id.
-- `prefix` is the prefix of the partition's keys, which holds the number and the count (partitions.py).
local partitions, partition

local function is_of(prefix)
  partitions, partition = string.match(prefix, '^{holdfast:(%d+):(%d+)}')
  partitions, partition = tonumber(partitions), tonumber(partition)
end

-- Returns the least version above `newest` that may be given out now.
local function next_version(newest)
  local version = math.max(now_us, newest + 1)
  return partitions and version + (partition - version) % partitions or version
end

-- Returns the id for the entry after the one with the id `last`.
local function next_entry_id(last)
  local ms, seq = string.match(last, '^(%d+)-(%d+)$')
  return stream_id(next_version(tonumber(ms) * 1000 + tonumber(seq)))
end

-- Returns the least version whose id is above `id`, rounded up to a whole millisecond. For an id that is far too high
-- the result is inexact, and far too high as well.
local function version_above(id)
  return (tonumber(string.match(id, '^(%d+)-')) + 1) * 1000
end

-- Returns a claimed version as a number, or nil if it is no plausible version.
local function believed(text)
  local version = type(text) == 'string' and string.match(text, '^%d+$') and tonumber(text)
  return version and version < BELIEVED_MAX and version or nil
end

local function is_above(id, other)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  local other_ms, other_seq = string.match(other, '^(%d+)-(%d+)$')
  ms, other_ms = tonumber(ms), tonumber(other_ms)
  return ms > other_ms or (ms == other_ms and tonumber(seq) > tonumber(other_seq))
end

local function last_id(stream)
  local info = redis.pcall('XINFO', 'STREAM', stream)
  return info.err and '0-0' or named(info)['last-generated-id']
end

-- Returns whether a partition takes no writes, because the queue is used, or is about to be, in another number of
-- partitions (close.lua): its clock is `closed <until> <newest>`.
local function is_closed(clock)
  local text = redis.pcall('GET', clock)
  local until_us = type(text) == 'string' and string.match(text, '^closed (%d*) ')
  return until_us and (until_us == '' or tonumber(until_us) > now_us)
end

-- Returns the newest version given out, as the clock key records it; nil if the key is lost or its value implausible.
local function newest_given(clock, stream, floor)
  local text = redis.pcall('GET', clock)
  local newest = believed(type(text) == 'string' and string.match(text, '^closed %d* (%d*)$') or text)
  if newest and newest > math.max(now_us, floor) + HORIZON_US and newest >= version_above(last_id(stream)) then
    return nil
  end
  return newest
end

local function add(stream, id, fields)
  if #fields > MOST_VALUES then fields = {'packed', cmsgpack.pack(fields)} end -- added by hand: no write has so many
  return redis.call('XADD', stream, id, unpack(fields))
end

-- Put an empty stream in place of any existing key.
local function make(stream)
  redis.call('DEL', stream)
  redis.call('XGROUP', 'CREATE', stream, 'none', '0', 'MKSTREAM')
  redis.call('XGROUP', 'DESTROY', stream, 'none')
end

-- Rebuild the stream without ids above `limit` (a version): its entries with higher ids are added again at the end
-- under new ids. Redis itself never lowers the last id of a stream. Nothing is lost: fields are kept, groups keep their
-- pending entries, and the counts continue as if each entry had always been where it is now. `next_id(id)` returns the
-- id after `id`; `moved(fields, old_id, new_id)` is called for each moved entry. Returns the newest id, and how many
-- entries moved.
local function mend(stream, limit, newest, next_id, moved)
  local info, groups = named(redis.call('XINFO', 'STREAM', stream)), redis.call('XINFO', 'GROUPS', stream)
  local made, limit_id, count = stream .. ':mended', stream_id(limit), 0
  make(made)

  local function each(from, to, take)
    local page
    repeat
      page = redis.call('XRANGE', stream, from, to, 'COUNT', PAGE)
      for _, entry in ipairs(page) do take(entry[1], entry[2]) end
      if #page > 0 then from = '(' .. page[#page][1] end
    until #page < PAGE or from == '(' .. LAST_ID -- Redis accepts no range that starts above the last possible id
  end

  local top = '0-0'
  each('-', limit_id, function(id, fields) top = add(made, id, fields) end)
  newest = math.max(newest, top == '0-0' and 0 or version_above(top) - 1)
  local base = stream_id(newest)
  redis.call('XSETID', made, base)

  for _, group in ipairs(groups) do
    local of = named(group)
    local read, delivered = of['entries-read'], of['last-delivered-id']
    if is_above(delivered, limit_id) then
      local again = #redis.call('XRANGE', stream, '(' .. limit_id, delivered)
      read, delivered = read and math.max(0, read - again), base
    end
    redis.call('XGROUP', 'CREATE', made, of.name, delivered, unpack(read and {'ENTRIESREAD', read} or {}))
    local from, page = '-', nil
    repeat
      page = redis.call('XPENDING', stream, of.name, from, limit_id, PAGE)
      for _, one in ipairs(page) do
        redis.call('XCLAIM', made, of.name, one[2], 0, one[1], 'IDLE', one[3], 'RETRYCOUNT', one[4], 'FORCE', 'JUSTID')
      end
      if #page > 0 then from = '(' .. page[#page][1] end
    until #page < PAGE
  end

  local last = base
  each('(' .. limit_id, '+', function(id, fields)
    fields[#fields + 1] = 'moved_from'
    fields[#fields + 1] = id
    last, count = add(made, next_id(last), fields), count + 1
    if moved then moved(fields, id, last) end
  end)
  local deleted = info['max-deleted-entry-id']
  redis.call('XSETID', made, last, 'ENTRIESADDED', info['entries-added'],
    'MAXDELETEDID', is_above(deleted, base) and base or deleted)
  redis.call('RENAME', made, stream)
  return last, count
end

-- Make the stream accept new versions although its last id is above `newest`: continue after an id that is not far
-- ahead, otherwise mend the stream. Returns the newest version and how many entries moved.
local function catch_up(stream, newest)
  local last, limit = last_id(stream), math.max(now_us, newest) + HORIZON_US
  local moved = 0
  if is_above(last, stream_id(limit)) then
    last, moved = mend(stream, limit, limit - HORIZON_US, next_entry_id)
  end
  return math.max(newest, version_above(last) - 1), moved
end
