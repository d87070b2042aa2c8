#!lua flags=allow-oom
-- Look at the write stream, and store the number of this look, but only on the server that was counted.
--
-- KEYS  1 write stream, 2 number of the newest look, 3 ledger
-- ARGV  1 number of this look, 2 version below which late entries are forgotten,
--       3 identity of the server that was counted ('' = any)
-- Returns {number of the newest look before this one, entries ever added, id of the oldest entry ('' = none), newest id
-- ever, identity of the server that answers}.

local who = redis.call('INFO', 'server', 'replication')
local identity = string.match(who, 'run_id:(%w+)') .. ':' .. string.match(who, 'master_replid:(%w+)')
local before = tonumber(redis.call('GET', KEYS[2]) or '') or 0
if tonumber(ARGV[1]) > before and (ARGV[3] == '' or ARGV[3] == identity) then redis.call('SET', KEYS[2], ARGV[1]) end
local counts = redis.call('HGETALL', KEYS[3])
for i = 1, #counts, 2 do
  local ms, seq = string.match(counts[i + 1], '^(%d+)-(%d+)$')
  if ms and tonumber(ms) * 1000 + tonumber(seq) < tonumber(ARGV[2]) then redis.call('HDEL', KEYS[3], counts[i]) end
end
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if info.err then return {before, 0, '', '0-0', identity} end
local of = {}
for i = 1, #info, 2 do of[info[i]] = info[i + 1] end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
return {before, of['entries-added'], first and first[1] or '', of['last-generated-id'], identity}
