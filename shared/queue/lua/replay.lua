#!lua
-- Send dead letters again: each at most once by one replay, whoever calls and however often.
--
-- KEYS  1 write stream, 2 clock, 3 emails, 4 ledger, 5 what this replay has sent: letter -> entry, or `recalled`; `closed`
-- ARGV  1 key prefix, 2 replay, then per letter: letter_id operation_id user_id command version payload email_key
--       old_email_key ('' = none) count name value ... (the entry's fields)
-- Returns per letter: the id of its entry | "recalled" | "closed" (this replay sends nothing any more).
--
-- Without an operation_id the entry is not a write that we can read: it is sent, and nothing is kept of it.

-- include clock.lua

local stream, clock, emails, ledger, sent = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local prefix, replay = ARGV[1], ARGV[2]

local given = newest_given(clock, stream, 0)
local newest = given or 0
local closed = redis.call('HGET', sent, 'closed')

-- `version`: the write's, which its entry is never older than.
local function append(fields, version)
  local limit = math.max(now_us, newest) + HORIZON_US
  newest = math.max(newest, version <= limit and version - 1 or 0)
  local id = math.max(now_us, newest + 1)
  local added = redis.pcall('XADD', stream, stream_id(id), unpack(fields))
  if type(added) ~= 'table' then
    newest = id
    return added
  end
  newest = catch_up(stream, newest) + 1 -- the stream is ahead
  return redis.call('XADD', stream, stream_id(newest), unpack(fields))
end

local function put_back(operation_id, user_id, command, version, payload)
  local user, operation = prefix .. 'user:' .. user_id, prefix .. 'op:' .. operation_id
  local last = redis.call('HGET', user, 'last')
  local of_last = last and redis.call('HGET', user, last)
  local newer = of_last and tonumber(string.match(of_last, '^(%d+) ')) > tonumber(version)
  redis.call('HSET', user, operation_id, version .. ' ' .. command .. ' ' .. payload)
  if not newer then redis.call('HSET', user, 'last', operation_id) end
  redis.call('DEL', operation)
  redis.call('HSET', operation, 'user', user_id, 'version', version, 'command', command)
end

local function claim(email_key, old_email_key, holder)
  if old_email_key ~= '' and old_email_key ~= email_key and redis.call('HGET', emails, old_email_key) == holder then
    redis.call('HDEL', emails, old_email_key)
  end
  if email_key ~= '' then redis.call('HSETNX', emails, email_key, holder) end
end

local answers, at = {}, 3
while at <= #ARGV do
  local letter_id, operation_id, user_id = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local count = tonumber(ARGV[at + 8])
  local answer = redis.call('HGET', sent, letter_id) or (closed and 'closed')
  if not answer then
    local fields = {}
    for i = at + 9, at + 8 + count do fields[#fields + 1] = ARGV[i] end
    for _, value in ipairs({'replay', replay, 'letter', letter_id}) do fields[#fields + 1] = value end
    answer = append(fields, believed(ARGV[at + 4]) or 0)
    redis.call('HSET', sent, letter_id, answer)
    redis.call('HINCRBY', ledger, 'replayed', 1)
    if operation_id ~= '' then
      put_back(operation_id, user_id, ARGV[at + 3], ARGV[at + 4], ARGV[at + 5])
      claim(ARGV[at + 6], ARGV[at + 7], user_id .. ' ' .. operation_id)
    end
  end
  answers[#answers + 1] = answer
  at = at + 9 + count
end
redis.call('EXPIRE', sent, 2592000) -- should nobody ever say that this replay is over
if given and newest > given then redis.call('SET', clock, string.format('%.0f', newest)) end -- lost, it stays lost
return answers
