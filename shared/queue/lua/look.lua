#!lua flags=allow-oom
-- Look at the write stream, and leave the number of this look.
--
-- KEYS  1 write stream, 2 number of the newest look
-- ARGV  1 number of this look
-- Returns {the newest look before, entries ever added, id of the oldest entry ('' = none), newest id ever}.

local before = tonumber(redis.call('GET', KEYS[2]) or '') or 0
if tonumber(ARGV[1]) > before then redis.call('SET', KEYS[2], ARGV[1]) end
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if info.err then return {before, 0, '', '0-0'} end
local of = {}
for i = 1, #info, 2 do of[info[i]] = info[i + 1] end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
return {before, of['entries-added'], first and first[1] or '', of['last-generated-id']}
