#!lua
-- Accept writes: for each, in order, decide and record in one atomic step.
--
-- KEYS  1 write stream, 2 clock, 3 emails
-- ARGV  1 key prefix, 2 version floor, 3 lifetime of an Idempotency-Key (s), 4 most pending writes of one user, then per
--       write 14 values ('' = none):
--       operation_id user_id command payload email_key key_hash body_hash busy_ms if_match request_id traceparent
--       notify expire_ms if_none_match
-- Returns per write: {"accepted" | "repeated" | "reused" | "busy" | "user_backlog" | "email_taken", operation_id,
-- user_id, version}, and "unsure" after it when a key is new to a memory that may have forgotten keys.
--
-- No `maxmemory` refusal can come halfway: Redis checks before it runs a script.

local stream, clock, emails = KEYS[1], KEYS[2], KEYS[3]
local prefix, floor, key_ttl_s, pending_max = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local WIDTH, FIRST = 14, 5

local time = redis.call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local keys_since = tonumber(redis.call('GET', prefix .. 'keys_since') or math.huge)
local sure = keys_since + tonumber(key_ttl_s) * 1000000 <= now_us or keys_since == 0
local newest = math.max(tonumber(redis.call('GET', clock) or '0'), floor)

local function stream_id(version)
  return string.format('%.0f-%.0f', math.floor(version / 1000), version % 1000)
end

local function append(version, fields)
  local added = redis.pcall('XADD', stream, stream_id(version), unpack(fields))
  if type(added) ~= 'table' then return version end
  -- The stream is ahead of the clock (an entry added by hand): start again above its newest entry.
  local info = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      local ms = tonumber(string.match(info[i + 1], '^(%d+)-'))
      version = (ms + 1) * 1000
    end
  end
  for i = 1, #fields, 2 do
    if fields[i] == 'version' then fields[i + 1] = string.format('%.0f', version) end
  end
  redis.call('XADD', stream, stream_id(version), unpack(fields))
  return version
end

local function repeated(record, body_hash)
  local known = redis.call('HMGET', record, 'body', 'operation', 'user', 'version', 'busy_until')
  if not known[1] then return nil end
  if known[1] ~= body_hash then return {'reused', known[2], known[3], known[4]} end
  if known[5] and tonumber(known[5]) > now_us then return {'busy', known[2], known[3], known[4]} end
  return {'repeated', known[2], known[3], known[4]}
end

local function accept(at)
  local operation_id, user_id, command, payload = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local email_key, key_hash, body_hash = ARGV[at + 4], ARGV[at + 5], ARGV[at + 6]
  local busy_ms, if_match, request_id = ARGV[at + 7], ARGV[at + 8], ARGV[at + 9]
  local traceparent, notify, expire_ms, if_none_match = ARGV[at + 10], ARGV[at + 11], ARGV[at + 12], ARGV[at + 13]

  local record = prefix .. 'key:' .. key_hash
  local operation = prefix .. 'op:' .. operation_id
  local answer = key_hash ~= '' and repeated(record, body_hash)
  if answer and answer[1] ~= 'reused' then return answer end
  -- The same operation is the same request, whatever its key was reused for when it was forgotten.
  local pending = redis.call('HMGET', operation, 'user', 'version')
  if pending[2] then return {'repeated', operation_id, pending[1], pending[2]} end
  if answer then return answer end
  if email_key ~= '' then
    local holder = redis.call('HGET', emails, email_key)
    if holder and string.sub(holder, 1, #user_id) ~= user_id then return {'email_taken', operation_id, user_id, ''} end
  end

  local user = prefix .. 'user:' .. user_id
  if redis.call('HLEN', user) > pending_max then return {'user_backlog', operation_id, user_id, ''} end -- `last` is one
  local after = redis.call('HGET', user, 'last')
  local version = math.max(now_us, newest + 1)
  local fields = {
    'schema', '1', 'command', command, 'operation_id', operation_id, 'user_id', user_id,
    'version', string.format('%.0f', version), 'payload', payload,
  }
  local function optional(name, value)
    if value and value ~= '' then fields[#fields + 1] = name; fields[#fields + 1] = value end
  end
  optional('after', after)
  optional('if_match', if_match)
  optional('if_none_match', if_none_match)
  optional('body_hash', key_hash ~= '' and body_hash)
  optional('request_id', request_id)
  optional('traceparent', traceparent)
  optional('notify', notify)
  if expire_ms ~= '' then optional('expires_at', string.format('%.0f', version + tonumber(expire_ms) * 1000)) end

  version = append(version, fields)
  newest = version
  local text = string.format('%.0f', version)
  redis.call('HSET', user, operation_id, text .. ' ' .. command .. ' ' .. payload, 'last', operation_id)
  redis.call('HSET', operation, 'user', user_id, 'version', text, 'command', command)
  if email_key ~= '' then redis.call('HSET', emails, email_key, user_id .. ' ' .. operation_id) end
  if key_hash ~= '' then
    redis.call('HSET', record, 'body', body_hash, 'operation', operation_id, 'user', user_id, 'version', text)
    if busy_ms ~= '' then
      redis.call('HSET', record, 'busy_until', string.format('%.0f', now_us + tonumber(busy_ms) * 1000))
    end
    redis.call('EXPIRE', record, key_ttl_s)
  end
  return {'accepted', operation_id, user_id, text, key_hash ~= '' and not sure and 'unsure' or nil}
end

local answers = {}
for at = FIRST, #ARGV, WIDTH do answers[#answers + 1] = accept(at) end
redis.call('SET', clock, string.format('%.0f', newest))
return answers
