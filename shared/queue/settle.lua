#!lua flags=allow-oom
-- Settle entries of the write stream: take each off the stream together with everything kept while it was pending.
-- An entry that somebody else settled first is left alone. Works at maxmemory: it is how memory comes back.
--
-- KEYS  1 write stream, 2 dead-letter stream, 3 emails, 4 ledger
-- ARGV  1 key prefix, 2 group, then per entry: entry_id action operation_id user_id email_key and, by action,
--       "done"   notify_channel message        ('' = nobody waits)
--       "copy"   notify_channel message        a second entry of an operation that another entry ended
--       "dead"   count name value ...          fields of the dead letter, put before the original ones
-- Returns the number of entries settled by this call.

local stream, dead, emails, ledger = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local prefix, group = ARGV[1], ARGV[2]
local MOST_VALUES = 4000

local function forget_pending(operation_id, user_id)
  local user = prefix .. 'user:' .. user_id
  redis.call('HDEL', user, operation_id)
  if redis.call('HGET', user, 'last') ~= operation_id then return end
  local left, latest = redis.call('HGETALL', user), nil
  local newest = -1
  for i = 1, #left, 2 do
    local version = tonumber(string.match(left[i + 1], '^(%d+) '))
    if left[i] ~= 'last' and version > newest then latest, newest = left[i], version end
  end
  if latest then redis.call('HSET', user, 'last', latest) else redis.call('DEL', user) end
end

local function release_email(email_key, operation_id, user_id)
  if email_key == '' then return end
  if redis.call('HGET', emails, email_key) == user_id .. ' ' .. operation_id then
    redis.call('HDEL', emails, email_key)
  end
end

local function bury(entry_id, original, at, count)
  local letter = {}
  for i = at, at + count - 1 do letter[#letter + 1] = ARGV[i] end
  letter[#letter + 1] = 'attempts'
  letter[#letter + 1] = '[' .. table.concat(redis.call('LRANGE', prefix .. 'attempts:' .. entry_id, 0, -1), ',') .. ']'
  if #original > MOST_VALUES then -- more than unpack() can pass on
    letter[#letter + 1] = 'original_packed'
    letter[#letter + 1] = cmsgpack.pack(original)
  else
    for i = 1, #original, 2 do
      letter[#letter + 1] = 'original.' .. original[i]
      letter[#letter + 1] = original[i + 1]
    end
  end
  return redis.call('XADD', dead, '*', unpack(letter))
end

local settled, at = 0, 3
while at <= #ARGV do
  local entry_id, action = ARGV[at], ARGV[at + 1]
  local operation_id, user_id, email_key = ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  at = at + 5
  local entry = action == 'dead' and redis.call('XRANGE', stream, entry_id, entry_id)[1]
  redis.call('XACK', stream, group, entry_id)
  local ours = redis.call('XDEL', stream, entry_id) == 1
  if ours then settled = settled + 1 end

  if action == 'dead' then
    local count = tonumber(ARGV[at])
    if ours then
      local letter_id = bury(entry_id, entry[2], at + 1, count)
      if operation_id ~= '' then
        -- The e-mail stays reserved: a replay must find it as it was promised.
        forget_pending(operation_id, user_id)
        redis.call('HSET', prefix .. 'op:' .. operation_id, 'status', 'dead_lettered', 'letter', letter_id,
          'reason', ARGV[at + 2])
      end
    end
    at = at + 1 + count
  else
    if ours then
      if action == 'copy' then redis.call('HINCRBY', ledger, 'duplicates', 1) end
      forget_pending(operation_id, user_id)
      release_email(email_key, operation_id, user_id)
      redis.call('DEL', prefix .. 'op:' .. operation_id)
      if ARGV[at] ~= '' then redis.call('PUBLISH', ARGV[at], ARGV[at + 1]) end
    end
    at = at + 2
  end
  if ours then redis.call('DEL', prefix .. 'attempts:' .. entry_id) end
end
return settled
