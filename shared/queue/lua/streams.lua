#!lua flags=no-writes
-- Look at a stream and its group at one moment.
--
-- KEYS  1 stream
-- ARGV  1 group, 2 most delivered entries to count
-- Returns {length, entries ever added, id of the oldest entry ('' = none), pending entries, entries ever read
-- (-1 = Redis does not know), delivered entries that are still on the stream (-1 = not counted, because the other
-- numbers already show that no entry was removed unread)}

local stream, group, most = KEYS[1], ARGV[1], tonumber(ARGV[2])

-- include info.lua

if redis.call('EXISTS', stream) == 0 then return {0, 0, '', 0, 0, -1} end
local about = named(redis.call('XINFO', 'STREAM', stream))
local first = about['first-entry']
local pending, read, last = 0, 0, '0-0'
local of = group_of(stream, group)
if of then pending, last, read = of.pending, of['last-delivered-id'], of['entries-read'] end
if last == '0-0' then read = 0 end -- for a group that has read nothing, Redis may report nil
if not read then read = -1 end

local there = -1
local gone = about['entries-added'] - about.length
if read >= 0 and gone - read + pending > 0 then
  there = #redis.call('XRANGE', stream, '-', last, 'COUNT', math.min(pending, most) + 1)
end
return {about.length, about['entries-added'], first and first[1] or '', pending, read, there}
