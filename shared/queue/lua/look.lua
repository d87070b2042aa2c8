#!lua flags=allow-oom
-- Look at the write stream, and store the number of this look and the newest id, but only on the server that was counted.
-- A stream that never had that id is another than the one that was seen, and remembers no look: somebody has put it in
-- its place (RENAME, RESTORE).
--
-- KEYS  1 write stream, 2 number of the newest look, 3 ledger
-- ARGV  1 number of this look, 2 version below which late entries are forgotten,
--       3 identity of the server that was counted ('' = any)
-- Returns {number of the newest look before this one, entries ever added, id of the oldest entry ('' = none), newest id
-- ever, identity of the server that answers}.

local who = redis.call('INFO', 'server', 'replication')
local identity = string.match(who, 'run_id:(%w+)') .. ':' .. string.match(who, 'master_replid:(%w+)')
local before = tonumber(redis.call('GET', KEYS[2]) or '') or 0
local looks = tonumber(ARGV[1]) > before and (ARGV[3] == '' or ARGV[3] == identity)
if looks then redis.call('SET', KEYS[2], ARGV[1]) end
local counts = redis.call('HGETALL', KEYS[3])
for i = 1, #counts, 2 do
  local ms, seq = string.match(counts[i + 1], '^(%d+)-(%d+)$')
  if ms and tonumber(ms) * 1000 + tonumber(seq) < tonumber(ARGV[2]) then redis.call('HDEL', KEYS[3], counts[i]) end
end
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if info.err then return {before, 0, '', '0-0', identity} end
local of = {}
for i = 1, #info, 2 do of[info[i]] = info[i + 1] end

-- As microseconds. An id that is far ahead proves nothing: clock.lua may have given its entry another.
local function position(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms) * 1000 + math.min(tonumber(seq), 999)
end
local now_us = tonumber(redis.call('TIME')[1]) * 1000000
local seen = tonumber(redis.call('HGET', KEYS[3], 'seen') or '')
local newest = position(of['last-generated-id'])
local is_another = seen and newest < seen and seen < now_us + 43200000000 and of['entries-added'] > 0
if is_another then before = 0 end
if looks then redis.call('HSET', KEYS[3], 'seen', string.format('%.0f', newest)) end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
return {before, of['entries-added'], first and first[1] or '', of['last-generated-id'], identity}
