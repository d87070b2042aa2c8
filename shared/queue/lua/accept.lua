#!lua
-- Accept writes: for each, in order, decide and record in one atomic step.
--
-- KEYS  1 write stream, 2 clock, 3 emails
-- ARGV  1 key prefix, 2 version floor, 3 whether the floor is the database's as of now ('' = no),
--       4 lifetime of an Idempotency-Key (s), 5 most pending writes of one user, then per write 14 values ('' = none):
--       operation_id user_id command payload email_key key_hash body_hash busy_ms if_match request_id traceparent
--       notify expires_at if_none_match
-- Returns per write: {"accepted" | "repeated" | "reused" | "busy" | "user_backlog" | "email_taken", operation_id,
--   user_id, version}, and "unsure" after it when a key is new to a memory that may have forgotten keys;
--   or {"failed" | "unknown", operation_id, user_id, '', error}: an error of its own, before or after its entry was
--   added. Last {"mended", entries}, if entries were in the way. Or just "no_clock": nobody knows how far versions
--   have come, and the floor is not the database's; nothing was done.
--
-- No `maxmemory` refusal can come halfway: Redis checks before it runs a script.

-- include clock.lua

local stream, clock, emails = KEYS[1], KEYS[2], KEYS[3]
local prefix, floor, key_ttl_s, pending_max = ARGV[1], believed(ARGV[2]) or 0, ARGV[4], tonumber(ARGV[5])
local WIDTH, FIRST = 14, 6
local BUSY_MAX_US = 60000000 -- the longest `Prefer: wait`; further ahead, the clock went back since

local keys_since = tonumber(redis.call('GET', prefix .. 'keys_since') or '') or math.huge
local sure = keys_since + tonumber(key_ttl_s) * 1000000 <= now_us or keys_since == 0

local newest = newest_given(clock, stream, floor)
if not newest and ARGV[3] == '' then return 'no_clock' end
newest = math.max(newest or 0, floor)

local moved, added = 0, false
local VERSION_AT = 10 -- in the fields

-- Add the entry under the next version; returns the version.
local function append(fields)
  for try = 1, 2 do
    local version = math.max(now_us, newest + 1)
    if version >= VERSION_MAX then error('no version is left below 2^53') end
    fields[VERSION_AT] = string.format('%.0f', version)
    local done = redis.pcall('XADD', stream, stream_id(version), unpack(fields))
    if type(done) ~= 'table' then
      newest, added = version, true
      return version
    end
    if try == 2 then error(done) end
    local mended
    newest, mended = catch_up(stream, newest) -- the stream is ahead: an entry was added by hand
    moved = moved + mended
  end
end

local function repeated(record, body_hash)
  local known = redis.call('HMGET', record, 'body', 'operation', 'user', 'version', 'busy_until')
  if not known[1] then return nil end
  if known[1] ~= body_hash then return {'reused', known[2], known[3], known[4]} end
  local busy_us = known[5] and tonumber(known[5]) - now_us or 0
  if busy_us > 0 and busy_us <= BUSY_MAX_US then return {'busy', known[2], known[3], known[4]} end
  return {'repeated', known[2], known[3], known[4]}
end

local function accept(at)
  local operation_id, user_id, command, payload = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local email_key, key_hash, body_hash = ARGV[at + 4], ARGV[at + 5], ARGV[at + 6]
  local busy_ms, if_match, request_id = ARGV[at + 7], ARGV[at + 8], ARGV[at + 9]
  local traceparent, notify, expires_at, if_none_match = ARGV[at + 10], ARGV[at + 11], ARGV[at + 12], ARGV[at + 13]

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
  local fields = {
    'schema', '1', 'command', command, 'operation_id', operation_id, 'user_id', user_id, 'version', '',
    'payload', payload,
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
  optional('expires_at', expires_at)

  local text = string.format('%.0f', append(fields))
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
for at = FIRST, #ARGV, WIDTH do
  added = false
  local fine, answer = pcall(accept, at)
  if not fine then
    local why = type(answer) == 'table' and answer.err or tostring(answer)
    answer = {added and 'unknown' or 'failed', ARGV[at], ARGV[at + 1], '', why}
  end
  answers[#answers + 1] = answer
end
redis.call('SET', clock, string.format('%.0f', newest))
if moved > 0 then answers[#answers + 1] = {'mended', moved} end
return answers
