#!lua flags=allow-oom
-- Look at the write stream, and store the number of this look, but only where it was counted. The first number is also
-- stored in the stream, as the position of a group that no consumer belongs to, and stays there: it is the stream's
-- own. A stream with another number than the one that was looked at last, or with fewer entries, remembers no look:
-- somebody has put it in the other's place (RENAME, RESTORE).
--
-- KEYS  1 write stream, 2 number of the newest look, 3 ledger
-- ARGV  1 number of this look, 2 version below which late entries are forgotten,
--       3 the place that was counted ('' = any), 4 group that holds the stream's own number
-- Returns {number of the newest look before this one, entries ever added, id of the oldest entry ('' = none), newest id
-- ever, identity of the server that answers, the place: that server and the stream's number, the stored number, which
-- may be that of a look at another stream}

-- include info.lua

local stream, ledger, look, group = KEYS[1], KEYS[3], ARGV[1], ARGV[4]
local who = redis.call('INFO', 'server', 'replication')
local identity = string.match(who, 'run_id:(%w+)') .. ':' .. string.match(who, 'master_replid:(%w+)')
local counts = redis.call('HGETALL', ledger)
for i = 1, #counts, 2 do
  local ms, seq = string.match(counts[i + 1], '^(%d+)-(%d+)$')
  if ms and tonumber(ms) * 1000 + tonumber(seq) < tonumber(ARGV[2]) then redis.call('HDEL', ledger, counts[i]) end
end

local of = {['entries-added'] = 0, ['last-generated-id'] = '0-0'}
local info, own, first = redis.pcall('XINFO', 'STREAM', stream), '0', nil
if not info.err then
  of, first = named(info), redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  local position = group_of(stream, group)
  if position then own = string.match(position['last-delivered-id'], '^%d+') end
end

local number, entries = string.match(redis.call('HGET', ledger, 'looked') or '', '^(%d+) (%d+)$')
local is_another = number and (number ~= own or tonumber(entries) > of['entries-added'])
local stored, place = tonumber(redis.call('GET', KEYS[2]) or '') or 0, identity .. ' ' .. own
local before = stored
if tonumber(look) > stored and (ARGV[3] == '' or ARGV[3] == place) then
  redis.call('SET', KEYS[2], look)
  if own == '0' and not info.err then
    redis.call('XGROUP', 'CREATE', stream, group, look .. '-0')
    own = look
  end
  redis.call('HSET', ledger, 'looked', own .. ' ' .. of['entries-added'])
end
if is_another then before = 0 end
return {before, of['entries-added'], first and first[1] or '', of['last-generated-id'], identity, place, stored}
