#!lua flags=allow-oom
-- Settle entries of the write stream: take each off the stream together with everything that was kept while it was
-- pending. An entry that another writer settled first is left alone. Works at maxmemory, because settling is what frees
-- memory. An error of one entry does not affect the others: an entry whose end cannot be recorded stays on the stream,
-- alone. The keys beside the streams are cleared as far as possible: a key of another type, made by hand, does not keep
-- an entry from being settled.
--
-- KEYS  1 write stream, 2 dead-letter stream, 3 ledger, then every other key that the script may touch (names.py),
--       except the operations of dead letters that are moved by mending, which are not known beforehand
-- ARGV  1 key prefix, 2 group, then per entry: entry_id action operation_id entity_id pending key_hash, the entry's
--       claims (see entities.lua) and, by action,
--       "done"   notify_channel message        ('' = no request waits)
--       "copy"   notify_channel message        a second entry of an operation that another entry ended
--       "late"   notify_channel message        the entry of an operation that was applied directly, past the queue
--       "dead"   count name value ...          fields of the dead letter, put before the original ones
-- Returns the number of entries that this call settled, and then {entry_id, error} for each entry that stays.

-- include info.lua
-- include clock.lua

local stream, dead, ledger = KEYS[1], KEYS[2], KEYS[3]
local prefix, group = ARGV[1], ARGV[2]
local MOST_AT_ONCE = 4000
is_of(prefix)

-- Removed in bulk at the end: one command for a whole batch costs a fraction of one command per entry.
local acknowledged, keys_gone, claims_gone = {}, {}, {}

-- include entities.lua
-- include keys.lua

local function release_later(claims, holder)
  for _, claim in ipairs(claims) do
    if redis.pcall('HGET', claim[1], claim[2]) == holder then
      claims_gone[claim[1]] = claims_gone[claim[1]] or {}
      table.insert(claims_gone[claim[1]], claim[2])
    end
  end
end

local function letter_moved(letter, old_id, new_id)
  local operation_id = named(letter)['original.operation_id']
  local operation = operation_id and prefix .. 'op:' .. operation_id
  if operation and redis.pcall('HGET', operation, 'letter') == old_id then
    redis.pcall('HSET', operation, 'letter', new_id)
  end
end

-- Returns the id for the next letter. No other partition gives out this id, with this or any other number of
-- partitions.
local function letter_id(last)
  if not partitions then return '*' end
  local first = partitions * 10000 + partition * 100
  local ms, seq = string.match(last, '^(%d+)-(%d+)$')
  ms, seq = tonumber(ms), tonumber(seq)
  local now_ms = math.floor(now_us / 1000)
  if ms < now_ms then return string.format('%.0f-%d', now_ms, first) end
  if seq < first + 99 then return string.format('%.0f-%d', ms, math.max(seq + 1, first)) end
  return string.format('%.0f-%d', ms + 1, first)
end

local function bury(entry_id, original, at, count)
  local letter = {}
  for i = at, at + count - 1 do letter[#letter + 1] = ARGV[i] end
  letter[#letter + 1] = 'attempts'
  local attempts = redis.pcall('LRANGE', prefix .. 'attempts:' .. entry_id, 0, -1)
  letter[#letter + 1] = '[' .. table.concat(attempts, ',') .. ']' -- an error reply has no elements
  if #original > MOST_AT_ONCE then -- more values than unpack() can return
    letter[#letter + 1] = 'original_packed'
    letter[#letter + 1] = cmsgpack.pack(original)
  else
    for i = 1, #original, 2 do
      letter[#letter + 1] = 'original.' .. original[i]
      letter[#letter + 1] = original[i + 1]
    end
  end
  -- An id above BELIEVED_MAX was added by hand. All later letters would have ids that are higher still, which no table
  -- accepts.
  if is_above(last_id(dead), stream_id(BELIEVED_MAX)) then mend(dead, BELIEVED_MAX, now_us, letter_id, letter_moved) end
  return redis.call('XADD', dead, letter_id(last_id(dead)), unpack(letter))
end

local function settle_dead(entry_id, operation_id, pending, at, count)
  local entry = redis.call('XRANGE', stream, entry_id, entry_id)[1]
  if not entry then return end -- another writer was first
  local letter_id = bury(entry_id, entry[2], at, count)
  if operation_id ~= '' then
    -- The claims stay: a replay must find the unique values still reserved.
    pcall(forget_pending, pending, operation_id)
    redis.pcall('HSET', prefix .. 'op:' .. operation_id, 'status', 'dead_lettered', 'letter', letter_id,
      'reason', ARGV[at + 1])
  end
end

local function settle_copy(entry_id, late_operation)
  if not redis.call('XRANGE', stream, entry_id, entry_id)[1] then return end
  redis.call('HINCRBY', ledger, 'duplicates', 1)
  if late_operation then redis.call('HSETNX', ledger, 'late:' .. late_operation, entry_id) end
end

local failed = {}
local at = 3
while at <= #ARGV do
  local entry_id, action, operation_id = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local entity_id, pending, key_hash = ARGV[at + 3], ARGV[at + 4], ARGV[at + 5]
  local claims
  claims, at = claims_at(at + 6)
  local fine, why = true, nil
  if action == 'dead' then
    local count = tonumber(ARGV[at])
    fine, why = pcall(settle_dead, entry_id, operation_id, pending, at + 1, count)
    at = at + 1 + count
  else
    if action ~= 'done' then fine, why = pcall(settle_copy, entry_id, action == 'late' and operation_id) end
    if fine then
      key_ended(key_hash)
      pcall(forget_pending, pending, operation_id)
      release_later(claims, entity_id .. ' ' .. operation_id)
      keys_gone[#keys_gone + 1] = prefix .. 'op:' .. operation_id
      -- A notification only saves time. If this writer has no right to the channel, the entry is settled anyway.
      if ARGV[at] ~= '' then redis.pcall('PUBLISH', ARGV[at], ARGV[at + 1]) end
    end
    at = at + 2
  end
  if fine then
    acknowledged[#acknowledged + 1] = entry_id
    keys_gone[#keys_gone + 1] = prefix .. 'attempts:' .. entry_id
  else
    failed[#failed + 1] = {entry_id, type(why) == 'table' and why.err or tostring(why)}
  end
end

local function in_bulk(values, command, ...)
  local done, before = 0, {...}
  for first = 1, #values, MOST_AT_ONCE do
    local arguments = {unpack(before)}
    for i = first, math.min(first + MOST_AT_ONCE - 1, #values) do arguments[#arguments + 1] = values[i] end
    done = done + redis.call(command, unpack(arguments))
  end
  return done
end

in_bulk(acknowledged, 'XACK', stream, group)
in_bulk(keys_gone, 'DEL')
local taken_over = prefix .. 'attempts:taken_over'
if redis.call('EXISTS', taken_over) == 1 then pcall(in_bulk, acknowledged, 'HDEL', taken_over) end
for hash, keys in pairs(claims_gone) do in_bulk(keys, 'HDEL', hash) end
table.insert(failed, 1, in_bulk(acknowledged, 'XDEL', stream))
return failed
